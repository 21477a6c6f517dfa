"""Run of the whole measurement of one model, in order: reference, takes, figures, rolls."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final, Self

import numpy as np

from model_core.encoders.log_mel_chroma import LogMelChroma
from model_core.evaluation.model.baselines import (
    Reference,
    band_prints,
    codec_rows,
    lead_prints,
    libraries,
    mean_difference,
    reference,
    style_net_rows,
)
from model_core.evaluation.model.notes import note_rows
from model_core.evaluation.model.page import Findings, Measured, Row, mean, ratio, share
from model_core.evaluation.model.prompt_following import (
    can_be_asked,
    find_shortcomings,
    make_absence_prompts,
    make_instrument_prompts,
    make_mode_prompts,
)
from model_core.evaluation.model.prompts import PROMPTS
from model_core.evaluation.model.sound import (
    curve_rows,
    measure_take,
    seconds_for_half_a_minute,
    silence_dbfs,
    sound_rows,
)
from model_core.evaluation.model.styles import StyleNet, load_style_net, make_style_prompt
from model_core.evaluation.model.takes import Studio, Take, draw_rolls, run_parallel
from model_core.models.score.codec.score import Score
from model_core.training.composer.styles import STYLE_TABLE

FULL_SAMPLES: Final = 108
_TRIAL_SAMPLES: Final = 36


@dataclass(frozen=True)
class Size:
    """Counts of the run.

    Attributes:
        samples: takes for each figure.
        corpus: pieces of the corpus for its column.
        library: pieces of the training corpus in which copies are looked for.
        learned, steps: pieces and steps that the style network learns with.
        prompts: at most so many of the held-out prompts.
        timed: takes whose time is measured.
    """

    samples: int
    corpus: int
    library: int
    learned: int
    steps: int
    prompts: int
    timed: int

    @classmethod
    def of(cls, samples: int) -> Self:
        """The full size from 36 samples on; below that all counts are small and the figures mean nothing.

        Raises:
            ValueError: samples is not positive.
        """
        if samples < 1:
            raise ValueError(f"samples: {samples}; at least one is needed")
        if samples < _TRIAL_SAMPLES:
            return cls(samples, 36, 36, 90, 60, 2 * samples, 1)
        return cls(samples, 540, 2160, 6480, 2200, 10_000, 8)


log = logging.getLogger("model_core.evaluation")

TAKES_A_PROMPT: Final = 3
DRAWN: Final = 3
_SEEDS: Final = {"known": 1000, "held out": 2000, "instruments": 3000, "absence": 4000, "mode": 5000, "prompts": 6000}
"""First seed of each set of takes."""


@dataclass(frozen=True)
class StyleTakes:
    """Takes for prompts that name a style, and the styles that were named."""

    styles: Sequence[str]
    takes: Sequence[Take]


def measure(studio: Studio, size: Size, work: Path, rolls: Path) -> Findings:
    """Every figure of the table, the failures, and the pictures in ``rolls``; ``work`` keeps the style network.

    Raises:
        ValueError: the model knows none of the composer's styles.
    """
    known = reference(size.corpus)
    net = load_style_net(work, size.learned, size.steps)
    styles = [style for style in studio.styles if style in STYLE_TABLE]
    if not styles:
        raise ValueError(f"model {studio.model.name}: it knows none of the composer's styles")
    each = -(-size.samples // len(styles))
    asked, familiar = _held_out_takes(studio, styles, each), _known_takes(studio, styles, each)
    scores = [take.score for take in asked.takes]
    met, failures = _expectations(studio, size, net, known)
    log.info("playing %d takes", len(scores))
    encoder = LogMelChroma()
    heard = run_parallel(lambda take: measure_take(studio, take, encoder), asked.takes)
    silences = run_parallel(lambda take: silence_dbfs(studio, take), asked.takes[::each])
    timed = seconds_for_half_a_minute(studio, [make_style_prompt(style, 0, True) for style in styles[: size.timed]])
    rows = [
        *note_rows(scores, known.scores),
        *style_net_rows(net, known.pieces),
        _style_row("style heard, prompts in training's words", net, familiar),
        _style_row("style heard, prompts in held-out words", net, asked),
        *_prompt_rows(studio, size, styles, known),
        Row("held-out prompts whose expectation is met", ">=", 0.85, met),
        *curve_rows(heard),
        _difference_row(familiar.takes),
        *_copy_rows(size, scores, known),
        *codec_rows(studio.model.vae, known.scores),
        *sound_rows(heard, silences, timed),
    ]
    mistaken = _count_mistaken(net, asked) + _count_mistaken(net, familiar)
    drawn = _draw(asked, rolls)
    rights = known.chords_right, known.modes_right
    return Findings(studio.model.name, rows, failures, met.n, mistaken, len(scores), size.library, *rights, drawn)


def _held_out_takes(studio: Studio, styles: Sequence[str], each: int) -> StyleTakes:
    """Takes at the defaults, a held-out prompt each."""
    named = [(style, make_style_prompt(style, number, True)) for style in styles for number in range(each)]
    return StyleTakes([style for style, _ in named], _takes(studio, "held out", [prompt for _, prompt in named], None))


def _known_takes(studio: Studio, styles: Sequence[str], each: int) -> StyleTakes:
    """First draws, three of each prompt in training's words."""
    prompts = -(-each // TAKES_A_PROMPT)
    named = [(style, make_style_prompt(style, number, False)) for style in styles for number in range(prompts)]
    often = [pair for pair in named for _ in range(TAKES_A_PROMPT)]
    return StyleTakes([style for style, _ in often], _takes(studio, "known", [prompt for _, prompt in often]))


def _takes(studio: Studio, name: str, prompts: Sequence[str], redraws: int | None = 0) -> list[Take]:
    log.info("%d takes: %s", len(prompts), name)
    return studio.takes(prompts, _SEEDS[name], redraws)


def _style_row(figure: str, net: StyleNet, asked: StyleTakes) -> Row:
    right = [net.classify(take.score) == style for take, style in zip(asked.takes, asked.styles, strict=True)]
    return Row(figure, ">=", 0.95, share(right))


def _count_mistaken(net: StyleNet, asked: StyleTakes) -> Counter[tuple[str, str]]:
    heard = [(style, net.classify(take.score)) for style, take in zip(asked.styles, asked.takes, strict=True)]
    return Counter(pair for pair in heard if pair[0] != pair[1])


def _prompt_rows(studio: Studio, size: Size, styles: Sequence[str], known: Reference) -> list[Row]:
    vocabulary = studio.model.planner.vocabulary
    named = make_instrument_prompts(styles, vocabulary, size.samples)
    absent = make_absence_prompts(styles, vocabulary, size.samples)
    modes = make_mode_prompts(styles, size.samples)
    instruments = zip(named, _takes(studio, "instruments", [one.prompt for one in named]), strict=True)
    absences = zip(absent, _takes(studio, "absence", [one.prompt for one in absent]), strict=True)
    keyed = list(zip(modes, _takes(studio, "mode", [one.prompt for one in modes]), strict=True))
    return [
        Row("named instruments that sound", ">=", 0.95, ratio([one.count_sounding(take) for one, take in instruments])),
        Row("parts ruled out and solos obeyed", ">=", 1.0, share([one.is_met(take) for one, take in absences])),
        Row(
            "asked mode heard", ">=", 0.95,
            share([known.modes.is_minor(take.score) == one.minor for one, take in keyed]), known.modes_right,
        ),
        Row("asked tempo within 2 %", ">=", 1.0, share([one.has_tempo(take) for one, take in keyed])),
    ]  # fmt: skip


def _expectations(
    studio: Studio, size: Size, net: StyleNet, known: Reference
) -> tuple[Measured, list[tuple[str, Sequence[str]]]]:
    wanted = [want for want in PROMPTS if can_be_asked(want, studio.styles)][: size.prompts]
    failures = list[tuple[str, Sequence[str]]]()
    takes = _takes(studio, "prompts", [want.prompt for want in wanted])
    for want, take in zip(wanted, takes, strict=True):
        lacks = find_shortcomings(want, take, net.classify(take.score), known.modes.is_minor(take.score))
        if lacks:
            failures.append((want.prompt, lacks))
    met = len(wanted) - len(failures)
    return share([True] * met + [False] * len(failures)), failures


def _difference_row(takes: Sequence[Take]) -> Row:
    groups = [[take.score for take in group] for _, group in groupby(takes, key=lambda take: take.prompt)]
    figure = "onsets in which takes of one prompt differ"
    return Row(figure, "", None, mean([mean_difference(group) for group in groups if len(group) > 1]))


def _copy_rows(size: Size, takes: Iterable[Score], known: Reference) -> list[Row]:
    log.info("looking for copies in %d pieces of the corpus", size.library)
    takes = list(takes)
    rows = []
    for name, library, prints in zip(
        ("lead", "all parts"), libraries(size.library), (lead_prints, band_prints), strict=True
    ):
        runs = [library.longest_run(prints(score)) for score in takes]
        corpus = [library.longest_run(prints(score)) for score in known.scores]
        low, high = np.quantile(runs, [0.025, 0.975])
        longest = Measured(float(max(runs)), float(low), float(high), len(runs))
        rows.append(Row(f"longest run copied, {name}, bars", "<=", 4, longest, float(max(corpus)), digits=0))
    return rows


def _draw(asked: StyleTakes, folder: Path) -> dict[str, Path]:
    """The first few takes of each style."""
    drawn = {style: folder / f"{style}.png" for style in dict.fromkeys(asked.styles)}
    for style, out in drawn.items():
        mine = [take for take, named in zip(asked.takes, asked.styles, strict=True) if named == style]
        draw_rolls(mine[:DRAWN], out)
    return drawn
