"""Page docs/model-evaluation.md: figures with their 95 % intervals, the rows of the table, and page.md filled in."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan, sqrt
from pathlib import Path
from string import Template
from typing import Final

import numpy as np

from model_core.sync.chance import DRAWS

_Z: Final = 1.959964


@dataclass(frozen=True)
class Measured:
    """A figure over n samples with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int


NOTHING: Final = Measured(nan, nan, nan, 0)
"""A figure that no sample has."""


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        figure: name of the figure.
        sign: ">=", "<=" or "<", the relation of the value to the bar; "" where there is none.
        bar: value to reach, or None.
        reached: on generated music.
        corpus: the same on the composer's pieces, where that means something.
        unit: printed after each value.
        digits: after the point.
    """

    figure: str
    sign: str
    bar: float | None
    reached: Measured
    corpus: float | None = None
    unit: str = ""
    digits: int = 3

    @property
    def met(self) -> bool | None:
        """True when the value keeps to the bar; None where there is no bar or nothing was measured."""
        if self.bar is None or not self.reached.n:
            return None
        value = round(self.reached.value, self.digits)
        return {">=": value >= self.bar, "<=": value <= self.bar, "<": value < self.bar}[self.sign]


def share(successes: Sequence[bool]) -> Measured:
    """Share of independent samples that succeed, with Wilson's interval: all of few is not yet always."""
    n = len(successes)
    if not n:
        return NOTHING
    p = sum(successes) / n
    centre = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    reach = _Z / (1 + _Z**2 / n) * sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
    return Measured(p, max(0.0, min(p, centre - reach)), min(1.0, max(p, centre + reach)), n)


def mean(values: Sequence[float], seed: int = 0) -> Measured:
    """Mean of a figure over samples, with its bootstrap interval over them."""
    return ratio([(value, 1.0) for value in values], seed)


def ratio(counts: Sequence[tuple[float, float]], seed: int = 0) -> Measured:
    """Sum of the counts over the sum of the totals; pieces are resampled whole, because their notes are dependent.

    Args:
        counts: found and total of each piece; pieces with a total of 0 are left out of n.
        seed: of the resampling.
    """
    kept = np.array([pair for pair in counts if pair[1] > 0], np.float64).reshape(-1, 2)
    if not len(kept):
        return NOTHING
    picks = np.random.default_rng(seed).integers(len(kept), size=(DRAWS, len(kept)))
    found, total = kept[picks].sum(axis=1).T
    low, high = np.quantile(found / total, [0.025, 0.975])
    return Measured(float(kept[:, 0].sum() / kept[:, 1].sum()), float(low), float(high), len(kept))


WEAKNESSES: Final = Path(__file__).with_name("weaknesses.toml")


@dataclass(frozen=True)
class Findings:
    """Contents of the page.

    Attributes:
        model: name of the model.
        rows: of the table.
        failures: held-out prompts that are not met, with their shortcomings.
        asked: number of held-out prompts.
        mistaken: number of takes by (style in the prompt, other style that was found).
        samples: takes at the defaults.
        library: number of pieces that were searched for copies.
        chords_right, modes_right: shares of the corpus in which the inferred chord and mode are the composer's.
        rolls: the picture of each style.
    """

    model: str
    rows: Sequence[Row]
    failures: Sequence[tuple[str, Sequence[str]]]
    asked: int
    mistaken: Mapping[tuple[str, str], int]
    samples: int
    library: int
    chords_right: float
    modes_right: float
    rolls: Mapping[str, Path]


def page(found: Findings, out: Path, command: str, date: str) -> str:
    """Markdown for the file ``out``, to which the links to the pictures are relative."""
    return Template(Path(__file__).with_suffix(".md").read_text()).substitute(
        model=found.model,
        date=date,
        command=command,
        table="\n".join(table(found.rows)),
        chords=f"{100 * found.chords_right:.1f} %",
        modes=f"{100 * found.modes_right:.1f} %",
        samples=found.samples,
        library=found.library,
        asked=found.asked,
        met=found.asked - len(found.failures),
        failures="\n".join(f'- "{prompt}": {", ".join(lacks)}' for prompt, lacks in found.failures) or "- none",
        mistaken="\n".join(mistaken_lines(found.mistaken)),
        rolls="\n".join(roll_lines(found.rolls, out, weaknesses(found.model))),
    )


def table(rows: Sequence[Row]) -> list[str]:
    """Lines of the table, missed bars in bold."""
    lines = ["| figure | bar | corpus | reached | met | n |", "| --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        bar = "" if row.bar is None else f"{row.sign} {_value(row, row.bar)}"
        corpus = "" if row.corpus is None else _value(row, row.corpus)
        met = {True: "yes", False: "**no**", None: ""}[row.met]
        lines.append(f"| {row.figure} | {bar} | {corpus} | {reached(row)} | {met} | {row.reached.n} |")
    return lines


def reached(row: Row) -> str:
    """Value and interval, as far as there are any."""
    one = row.reached
    if not one.n:
        return "not measured"
    value = f"**{_value(row, one.value)}**{row.unit}"
    if isnan(one.low) or one.n == 1:
        return value
    return f"{value} [{_value(row, one.low)}, {_value(row, one.high)}]"


def _value(row: Row, value: float) -> str:
    return f"{value:.{row.digits}f}"


def mistaken_lines(mistaken: Mapping[tuple[str, str], int]) -> list[str]:
    """One line for each pair of styles, commonest first."""
    ordered = sorted(mistaken.items(), key=lambda pair: (-pair[1], pair[0]))
    return [f"- {named} is heard as {heard}: {count}" for (named, heard), count in ordered] or ["- none"]


def weaknesses(model: str, path: Path = WEAKNESSES) -> dict[str, str]:
    """The sentence of each style; none if they were written of another model."""
    given = tomllib.loads(path.read_text())
    return dict(given["styles"]) if given["model"] == model else {}


def roll_lines(rolls: Mapping[str, Path], out: Path, said: Mapping[str, str]) -> list[str]:
    """One line for each style: its name, a link, and its known weakness."""
    lines = []
    for style, picture in rolls.items():
        sentence = f": {said[style]}" if style in said else ""
        lines.append(f"- [{style}]({os.path.relpath(picture, out.parent)}){sentence}")
    return lines
