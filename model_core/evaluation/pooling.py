"""From single runs to the study's figures: each system and metric pooled over clips, beside its null."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np

from model_core.evaluation.study import WINDOWS_S, Run
from model_core.sync.chance import Figure, Pooled, PooledR, pool_correlations, pool_figures
from model_core.sync.matching import MEASURES
from model_core.sync.measures import tempo_agreement

TEMPO: Final = "tempo"


@dataclass(frozen=True)
class Row:
    """One system: its figures by metric, and its correlation with the video's curve by smoothing window in seconds."""

    system: str
    figures: dict[str, Pooled]
    r: dict[float, PooledR]


def by_system(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """The runs of each system, in the order of their first run."""
    systems: dict[str, list[Run]] = {}
    for run in runs:
        systems.setdefault(run.system, []).append(run)
    return systems


def rows(runs: Sequence[Run]) -> list[Row]:
    """Every system, every metric that its runs have."""
    return [Row(system, figures(mine), correlations(mine)) for system, mine in by_system(runs).items()]


def figures(runs: Sequence[Run]) -> dict[str, Pooled]:
    """One system's metrics, in the order of MEASURES, and TEMPO where there are clips of a known tempo."""
    found = {}
    for metric in (*MEASURES, TEMPO):
        clips = [
            [figure for run in mine if (figure := _figure(run, metric, runs)) is not None] for mine in _by_clip(runs)
        ]
        clips = [clip for clip in clips if clip]
        if clips:
            found[metric] = pool_figures(clips)
    return found


def correlations(runs: Sequence[Run]) -> dict[float, PooledR]:
    """One system's music against the videos' curves."""
    return {
        window: pool_correlations([[run.correlograms[window] for run in mine] for mine in _by_clip(runs)])
        for window in WINDOWS_S
    }


def _figure(run: Run, metric: str, runs: Sequence[Run]) -> Figure | None:
    if metric != TEMPO:
        return run.figures.get(metric)
    if run.bpm is None:
        return None
    # Shifting music leaves its tempo alone, so the null is the same system's music for the other videos.
    others = np.array([_agrees(run.bpm, other.tempo_bpm) for other in runs if other.clip != run.clip])
    return Figure(_agrees(run.bpm, run.tempo_bpm), others) if len(others) else None


def _agrees(bpm: float, heard_bpm: float) -> float:
    return tempo_agreement(bpm, heard_bpm) if heard_bpm > 0 else 0.0


def _by_clip(runs: Iterable[Run]) -> list[list[Run]]:
    ordered = sorted(runs, key=lambda run: run.clip)
    return [list(group) for _, group in groupby(ordered, key=lambda run: run.clip)]
