"""Study: every system scores every clip of the truth set; runs go to a file, line by line, and are pooled."""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from model_core.encoders.log_mel_chroma import LogMelChroma
from model_core.evaluation.systems import SAMPLE_RATE, System
from model_core.evaluation.truth import TruthClip
from model_core.sync.chance import (
    Correlogram,
    Figure,
    Pooled,
    PooledR,
    correlate_curves,
    pool_correlations,
    pool_figures,
)
from model_core.sync.figures import MEASURES, VideoEvents, compute_figures
from model_core.sync.measures import tempo_agreement
from model_core.sync.sound import analyze_sound
from model_core.sync.video import VideoFeatures

log = logging.getLogger(__name__)

WINDOWS_S: Final = (0.2, 2.44)
"""Smoothing of the two curves that are correlated: this model's own window, and the paper's."""


@dataclass(frozen=True)
class Run:
    """One piece of music under one clip, measured from its sound alone.

    Attributes:
        system, clip, kind, seed: of the music and the clip; kind is the clip's.
        bpm: true tempo of the motion in a dance clip, else None.
        tempo_bpm: tempo found in the music, 0 for none.
        figures: by metric, each with its null.
        correlograms: of the video's and the music's event curve, by smoothing window in seconds.
    """

    system: str
    clip: str
    kind: str
    seed: int
    bpm: float | None
    tempo_bpm: float
    figures: dict[str, Figure]
    correlograms: dict[float, Correlogram]

    def to_json(self) -> dict[str, Any]:
        """The run as one JSON object."""
        return {
            **{name: getattr(self, name) for name in ("system", "clip", "kind", "seed", "bpm", "tempo_bpm")},
            "figures": {name: figure.to_json() for name, figure in self.figures.items()},
            "correlograms": {str(window): one.to_json() for window, one in self.correlograms.items()},
        }

    @classmethod
    def from_json(cls, line: dict[str, Any]) -> Self:
        """The run from the output of to_json."""
        figures = {name: Figure.from_json(figure) for name, figure in line["figures"].items()}
        correlograms = {float(window): Correlogram.from_json(one) for window, one in line["correlograms"].items()}
        return cls(**{**line, "figures": figures, "correlograms": correlograms})


def _events(clip: TruthClip, features: VideoFeatures) -> VideoEvents:
    """The clip's true events, with the motion that AV-Align needs."""
    return VideoEvents(features.info.duration, clip.times, features.motion_peaks, features.motion_window_s, clip.bpm)


def measure(system: System, clip: TruthClip, features: VideoFeatures, number: int, seed: int) -> Run:
    """Score clip number `number` with `system`, and measure the sound."""
    audio = system.music(features, number, seed)
    sound = analyze_sound(audio, SAMPLE_RATE)
    music = LogMelChroma().curve(audio, SAMPLE_RATE)
    duration = features.info.duration
    return Run(
        system.name,
        clip.name,
        clip.kind,
        seed,
        clip.bpm,
        sound.tempo_bpm,
        compute_figures(sound, _events(clip, features)),
        {window: correlate_curves(features.curve, music, duration, window) for window in WINDOWS_S},
    )


def run_study(
    systems: Sequence[System],
    clips: Sequence[tuple[TruthClip, VideoFeatures]],
    seeds: Sequence[int],
    results: Path,
) -> list[Run]:
    """Run every system on every clip that has events, with every seed.

    Runs that `results` holds already are not repeated, so an interrupted study can be continued. Delete the
    file after a change of the model.
    """
    done = {(run.system, run.clip, run.seed): run for run in read_runs(results)}
    results.parent.mkdir(parents=True, exist_ok=True)
    runs = []
    with results.open("a") as file:
        for number, (clip, features) in enumerate(clips):
            if not clip.events:
                continue
            for system in systems:
                for seed in seeds:
                    run = done.get((system.name, clip.name, seed))
                    if run is None:
                        run = measure(system, clip, features, number, seed)
                        file.write(json.dumps(run.to_json()) + "\n")
                        file.flush()
                    runs.append(run)
            log.info("%d of %d: %s, %d events", number + 1, len(clips), clip.name, len(clip.events))
    return runs


def read_runs(results: Path) -> Iterator[Run]:
    """The runs of a file that run_study wrote, none without a file; a line cut short by a kill is passed over."""
    if not results.is_file():
        return
    for line in results.read_text().splitlines():
        try:
            fields = json.loads(line)
        except json.JSONDecodeError:
            log.warning("%s holds an incomplete line; its run is made again", results)
            continue
        yield Run.from_json(fields)


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
