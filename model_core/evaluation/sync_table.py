"""The sync study: clips with known cuts x seeds x variants of the method, and the Markdown page that reports it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from model_core.curves import EventCurve
from model_core.evaluation.clips import Clip
from model_core.evaluation.correlation import Floats, mismatched_null, pooled_correlation, sampled
from model_core.evaluation.metrics import (
    Envelope,
    ShiftNull,
    circular_shift_null,
    count_hits,
    f1,
    novelty_envelope,
    onset_envelope,
    p_value,
    pooled_shift_null,
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


def markdown(runs: Sequence[Run]) -> str:
    """The page docs/sync.md. `runs` are grouped by variant, as run_study gives them."""
    groups = [(variant, list(group)) for variant, group in groupby(runs, key=lambda run: run.variant)]
    seeds = len({run.seed for run in runs})
    first = groups[0][1]
    clips = {run.clip_number: run.clip for run in first}
    cuts = sum(len(clip.cuts) for clip in clips.values())
    lines = [
        "# Does the music meet the cuts?",
        "",
        f"{len(clips)} clips with {cuts} known cuts, {seeds} seeds each, judged from the audio alone. "
        "Made by `make evaluate`; what the columns mean is told below.",
        "",
        "## Strongest onsets against the cuts",
        "",
        *sync_rows(groups, lambda run: run.onset),
        "",
        "## Strongest changes of timbre and harmony against the cuts",
        "",
        *sync_rows(groups, lambda run: run.novelty),
        "",
        "## Curve given against curve heard",
        "",
        *curve_rows(groups),
        "",
        f"## Clip by clip: {first[0].variant.name}",
        "",
        *clip_rows(first),
        "",
        *LEGEND,
    ]
    return "\n".join(lines) + "\n"


def sync_rows(groups: Sequence[tuple[Variant, list[Run]]], sync: Callable[[Run], Sync]) -> list[str]:
    """A table with one row a variant: pooled hits and F1, the null's F1, p, and the mean salience."""
    rows = [
        "| variant | hits / cuts | F1 | null mean | null 95th pct. | p | salience AUC |",
        "|---|---|---|---|---|---|---|",
    ]
    for variant, runs in groups:
        found = [sync(run) for run in runs]
        hits, peaks = sum(s.hits for s in found), sum(s.peaks for s in found)
        cuts = sum(len(run.clip.cuts) for run in runs)
        null = pooled_shift_null([s.null for s in found])
        high = float(np.quantile(null, 0.95))
        figures = f"{hits} / {cuts} | **{f1(hits, peaks, cuts):.2f}** | {2 * null.mean() / (peaks + cuts):.2f}"
        auc = np.mean([s.auc for s in found])
        rows.append(
            f"| {variant.name} | {figures} | {2 * high / (peaks + cuts):.2f} | {p_value(hits, null):.4f} | {auc:.2f} |"
        )
    return rows


def curve_rows(groups: Sequence[tuple[Variant, list[Run]]]) -> list[str]:
    """A table with one row a variant: pooled r, and that against other clips' curves."""
    rows = ["| variant | r | other clip's curve, mean | 95th pct. | p |", "|---|---|---|---|---|"]
    for variant, runs in groups:
        r = pooled_correlation([(run.given, run.heard) for run in runs])
        null = mismatched_null([x.given for x in runs], [x.heard for x in runs], [x.clip_number for x in runs])
        high = float(np.quantile(null, 0.95))
        rows.append(f"| {variant.name} | **{r:.2f}** | {null.mean():.2f} | {high:.2f} | {p_value(r, null):.4f} |")
    return rows


def clip_rows(runs: Sequence[Run]) -> list[str]:
    """A table with one row a clip, its seeds pooled."""
    rows = ["| clip | cuts | F1 onset | its null | F1 novelty | its null | r |", "|---|---|---|---|---|---|---|"]
    for _, group in groupby(runs, key=lambda run: run.clip_number):
        mine = list(group)
        figures = []
        for found in ([run.onset for run in mine], [run.novelty for run in mine]):
            peaks, cuts = sum(s.peaks for s in found), sum(len(run.clip.cuts) for run in mine)
            chance = sum(float(s.null.hits.mean()) for s in found)
            figures.append(f"{f1(sum(s.hits for s in found), peaks, cuts):.2f} | {2 * chance / (peaks + cuts):.2f}")
        r = pooled_correlation([(run.given, run.heard) for run in mine])
        clip = mine[0].clip
        rows.append(f"| {clip.name} | {len(clip.cuts)} | {' | '.join(figures)} | {r:.2f} |")
    return rows


LEGEND: Final = (
    "## How to read it",
    "",
    "- **hits**: the K strongest peaks of the envelope, at least 0.3 s apart, K being the number of cuts, matched "
    "one-to-one to the cuts within 100 ms. The onset envelope is librosa's onset strength; the other one compares "
    "mel spectrum and chroma of the quarter seconds before and after.",
    "- **null**: the same music shifted circularly, by at least half a second, 200 shifts a run; pooled by drawing "
    "one shift a run 10,000 times. p is the share of draws at least as good.",
    "- **salience AUC**: the chance that the envelope within 80 ms of a cut exceeds that at a random time.",
    "- **r**: correlation of the video's event curve with the curve extracted again from the finished audio, "
    "each standardised, all samples pooled; against the curves of other clips, swapped at random 1,000 times.",
    "- **plan**: the tempo map that bends by at most 4 % towards the strongest events. **curve**: curve guidance of "
    "the flow. Each is switched off alone and both together.",
)
