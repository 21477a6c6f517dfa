"""A figure with its 95 % interval, and a row of the table: figure, bar, the corpus's, what was reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt
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
"""What is not to be found in any sample."""


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        figure: what is measured.
        sign: ">=", "<=" or "<", how the value must lie to the bar; "" where there is none.
        bar: what must be reached, or None.
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
        """Whether the value keeps to the bar; None where there is no bar or nothing was measured."""
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
    """Sum of what was found over sum of what there was; pieces are resampled whole, for their notes go together.

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
