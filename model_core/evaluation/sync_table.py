"""The sync study: clips with known cuts x seeds x variants of the method, each result measured."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from model_core.curves import EventCurve
from model_core.evaluation.clips import Clip
from model_core.evaluation.correlation import Floats, sampled
from model_core.evaluation.metrics import (
    Envelope,
    ShiftNull,
    circular_shift_null,
    count_hits,
    novelty_envelope,
    onset_envelope,
    salience_auc,
    strongest_peaks,
)
from model_core.options import ScoreOptions

PROMPTS: Final = (
    "epic cinematic orchestra with drums, building",
    "upbeat electronic dance music, driving beat",
    "calm acoustic piano and strings, reflective",
    "funky pop with bass and drums, bright",
    "dark ambient tension, slow pulse",
    "energetic rock, fast drums",
)
"""Clip number i is scored with prompt i modulo their number, so that the study is not about one style."""


class Scored(Protocol):
    """What is needed of a Soundtrack."""

    @property
    def audio(self) -> NDArray[np.float32]: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def given_curve(self) -> EventCurve: ...
    @property
    def heard_curve(self) -> EventCurve: ...


Scorer = Callable[[Path, str, ScoreOptions], Scored]


@dataclass(frozen=True)
class Variant:
    """The method with some of its two means of sync switched off."""

    name: str
    plan: bool
    curve: bool

    def options(self, seed: int) -> ScoreOptions:
        """The default options but for the seed and what this variant switches off."""
        options = ScoreOptions(seed=seed, plan=self.plan)
        return options if self.curve else options.model_copy(update={"curve_guidance": 0.0})


VARIANTS: Final = (
    Variant("both (default)", plan=True, curve=True),
    Variant("curve alone", plan=False, curve=True),
    Variant("plan alone", plan=True, curve=False),
    Variant("neither", plan=False, curve=False),
)


@dataclass(frozen=True)
class Sync:
    """One envelope of one run against the cuts."""

    hits: int
    peaks: int
    auc: float
    null: ShiftNull

    @classmethod
    def of(cls, envelope: Envelope, cuts: Floats) -> "Sync":
        """As many of the strongest peaks as there are cuts, matched to the cuts."""
        k = len(cuts)
        peaks = strongest_peaks(envelope, k)
        null = circular_shift_null(envelope, cuts, k)
        return cls(count_hits(peaks, cuts), len(peaks), salience_auc(envelope, cuts), null)


@dataclass(frozen=True)
class Run:
    """What is kept of one score."""

    variant: Variant
    clip: Clip
    clip_number: int
    seed: int
    onset: Sync
    novelty: Sync
    given: Floats
    heard: Floats


def measure(scored: Scored, variant: Variant, clip: Clip, clip_number: int, seed: int) -> Run:
    """Judge one soundtrack. Times are seconds from the video's first frame, for cuts and sound alike."""
    audio, rate, cuts = scored.audio, scored.sample_rate, np.array(clip.cuts)
    seconds = audio.shape[1] / rate
    return Run(
        variant,
        clip,
        clip_number,
        seed,
        onset=Sync.of(onset_envelope(audio, rate), cuts),
        novelty=Sync.of(novelty_envelope(audio, rate), cuts),
        given=sampled(scored.given_curve, seconds),
        heard=sampled(scored.heard_curve, seconds),
    )


def run_study(
    score: Scorer, clips: Sequence[Clip], seeds: Sequence[int], variants: Sequence[Variant] = VARIANTS
) -> Iterable[Run]:
    """Score every clip with every seed and variant; the runs come one by one, variant by variant."""
    for variant in variants:
        for number, clip in enumerate(clips):
            prompt = PROMPTS[number % len(PROMPTS)]
            for seed in seeds:
                yield measure(score(clip.path, prompt, variant.options(seed)), variant, clip, number, seed)
