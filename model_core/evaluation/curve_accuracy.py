"""Accuracy of the video's event curve and of PySceneDetect: detected events against the truth set."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scenedetect import AdaptiveDetector, ContentDetector, detect
from scipy.stats import rankdata, spearmanr

from model_core.curves.event_curve import EventCurve
from model_core.evaluation.truth import TruthClip
from model_core.sync.measures import count_matches, f1

Floats = NDArray[np.float64]

TOLERANCES_S: Final = (0.04, 0.1, 0.2)
"""A frame at 25 a second; what the music is held to; within the length of a usual dissolve or fade."""
MIN_SHOT: Final = "0.3s"
"""PySceneDetect's own least shot, 15 frames, would lose the fast cuts; ours are 0.32 s apart at the least."""
DETECTORS: Final[Mapping[str, Callable[[], AdaptiveDetector | ContentDetector]]] = {
    "PySceneDetect, adaptive": lambda: AdaptiveDetector(min_scene_len=MIN_SHOT),
    "PySceneDetect, content": lambda: ContentDetector(min_scene_len=MIN_SHOT),
}
OURS: Final = "event curve"


@dataclass(frozen=True)
class Detections:
    """Events that one detector found in one clip.

    Attributes:
        detector: OURS or one of DETECTORS.
        clip: in which.
        times: of the events found, shape (K,), seconds.
        sizes: their sizes by the detector, shape (K,); empty where it has none.
    """

    detector: str
    clip: TruthClip
    times: Floats
    sizes: Floats

    def hits(self, tolerance_s: float) -> int:
        """Events found, one-to-one."""
        return count_matches(self.clip.times, self.times, tolerance_s)


def run_detectors(clip: TruthClip, curve: EventCurve) -> list[Detections]:
    """Return the events of the curve, and those of each of DETECTORS."""
    peaks = curve.peaks()
    found = [Detections(OURS, clip, peaks.times, peaks.strengths)]
    for name, make in DETECTORS.items():
        found.append(Detections(name, clip, cuts(clip.path, make()), np.zeros(0)))
    return found


def cuts(video: Path, detector: AdaptiveDetector | ContentDetector) -> Floats:
    """Seconds of PySceneDetect's cuts."""
    scenes = detect(str(video), detector, backend="pyav")
    return np.array([start.seconds for start, _ in scenes[1:]], np.float64)


@dataclass(frozen=True)
class Scores:
    """Pooled over clips: events and detections are counted together."""

    clips: int
    events: int
    found: int
    hits: int
    low: float
    high: float

    @property
    def precision(self) -> float:
        """Share of the detections that are events."""
        return self.hits / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Share of the events that were found."""
        return self.hits / self.events if self.events else 0.0

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        return f1(self.hits, self.found, self.events)


def score(found: Sequence[Detections], tolerance_s: float, draws: int = 2000, seed: int = 0) -> Scores:
    """Count hits over all clips; `low` and `high` are a 95 % bootstrap interval of F1 over clips."""
    counts = np.array([(one.hits(tolerance_s), len(one.times), len(one.clip.events)) for one in found])
    rng = np.random.default_rng(seed)
    drawn = counts[rng.integers(len(counts), size=(draws, len(counts)))].sum(1)
    low, high = np.quantile([f1(*row) for row in drawn.tolist()], [0.025, 0.975])
    hits, times, events = (int(n) for n in counts.sum(0))
    return Scores(len(found), events, times, hits, float(low), float(high))


def offsets(found: Iterable[Detections], tolerance_s: float = 0.25) -> Floats:
    """Seconds from each event to the nearest detection within the tolerance; positive: detected late."""
    late = []
    for one in found:
        for time in one.clip.times:
            distances = one.times - time
            if len(distances) and abs(nearest := distances[np.abs(distances).argmin()]) <= tolerance_s:
                late.append(nearest)
    return np.array(late)


def size_order(found: Iterable[Detections], tolerance_s: float = 0.25) -> float | None:
    """Spearman's rank correlation of true and measured size over the events found in clips whose sizes differ.

    Ranked within each clip first, since a curve is standardised per clip. None when there are fewer than three.
    """
    true, measured = list[float](), list[float]()
    for one in found:
        pairs = [
            (event.size, one.sizes[np.abs(one.times - event.time).argmin()])
            for event in one.clip.events
            if len(one.times) and np.abs(one.times - event.time).min() <= tolerance_s
        ]
        if len(pairs) >= 3 and len({size for size, _ in pairs}) > 1:
            for column, kept in zip(np.array(pairs).T, (true, measured), strict=True):
                kept += (rankdata(column) / len(column)).tolist()
    return float(spearmanr(true, measured).statistic) if len(true) >= 3 else None
