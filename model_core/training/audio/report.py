"""Result of a fine-tuning on held-out music: losses, gain from the curve, and the file result.json.

The gain is the loss without the curve minus the loss with it, all else being equal. Alone, that could be the merit of
the flag: a curve is given in four examples of five, so that the model knows that case better. So the loss is also
measured with the right curve at the wrong time.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from model_core.curves.event_curve import FloatArray
from model_core.media.writing import replace_when_complete

WITH, WITHOUT, SHIFTED = "held out", "held out without curve", "held out with it shifted"
EARLY_TIME: Final = 0.98
"""Noise in which a sampler decides where the events fall; a third of its steps have more."""
EARLY: Final = f"gain of time at {EARLY_TIME:g}"
_CONFIDENCE: Final = 0.95
_LEAST_TRACKS: Final = 3


@dataclass(frozen=True)
class HeldOut:
    """Losses of held-out crops, each three times on the same noise and times; all (N,).

    Attributes:
        with_curve: with the curve.
        without: without one.
        shifted: with the curve half a crop too late, wrapped around at the end.
        early: decrease of the loss by the curve against the shifted one, at EARLY_TIME alone.
        tracks: number of the track that a crop is of.
    """

    with_curve: FloatArray
    without: FloatArray
    shifted: FloatArray
    early: FloatArray
    tracks: NDArray[np.int64]

    def means(self) -> dict[str, float]:
        """Means over tracks by the names under which they are logged."""
        rows = {WITH: self.with_curve, WITHOUT: self.without, SHIFTED: self.shifted, EARLY: self.early}
        return {name: float(_by_track(row, self.tracks).mean()) for name, row in rows.items()}


@dataclass(frozen=True)
class Gain:
    """Decrease of a loss, as a mean over tracks, and the ends of its 95 % interval.

    Below three tracks there is no interval.
    """

    mean: float
    low: float | None
    high: float | None
    crops: int
    tracks: int

    @property
    def is_positive(self) -> bool:
        """True when the gain is above 0 by its interval, or by its mean where there is no interval."""
        return (self.mean if self.low is None else self.low) > 0

    def __str__(self) -> str:
        of = f"{self.crops} crops of {self.tracks} tracks"
        if self.low is None:
            return f"{self.mean:.4g} ({of}, too few for an interval)"
        return f"{self.mean:.4g} (95 % interval {self.low:.4g} to {self.high:.4g}, {of})"


def compute_gain(differences: FloatArray, tracks: NDArray[np.int64]) -> Gain:
    """Compute the gain from the differences of N crops, (N,), and the numbers of their tracks, (N,).

    Crops of a track are alike, so tracks are the samples: the interval is Student's t over their means.
    """
    means = _by_track(differences, tracks)
    count, mean = len(means), float(means.mean())
    if count < _LEAST_TRACKS:
        return Gain(mean, None, None, len(differences), count)
    wide = float(stats.t.ppf((1 + _CONFIDENCE) / 2, count - 1) * means.std(ddof=1) / count**0.5)
    return Gain(mean, mean - wide, mean + wide, len(differences), count)


def _by_track(values: FloatArray, tracks: NDArray[np.int64]) -> FloatArray:
    """Means of each track's crops."""
    _, place, count = np.unique(tracks, return_inverse=True, return_counts=True)
    return np.asarray(np.bincount(place, weights=values) / count, np.float64)


@dataclass(frozen=True)
class Report:
    """Result of a fine-tuned model on held-out music.

    Attributes:
        version: of the model.
        steps: of its training.
        losses: on held-out music, see HeldOut.means.
        gain: decrease of the loss by the curve, against no curve.
        gain_of_time: decrease of the loss by the curve, against the same curve at another time.
        listened: see FollowingCheck.figures; empty without that check.
    """

    version: str
    steps: int
    losses: Mapping[str, float]
    gain: Gain
    gain_of_time: Gain
    listened: Mapping[str, float]

    @classmethod
    def of(cls, version: str, steps: int, losses: HeldOut, listened: Mapping[str, float]) -> Self:
        gain = compute_gain(losses.without - losses.with_curve, losses.tracks)
        gain_of_time = compute_gain(losses.shifted - losses.with_curve, losses.tracks)
        return cls(version, steps, losses.means(), gain, gain_of_time, dict(listened))

    @property
    def follows(self) -> bool:
        """True when the model follows the curve: the right curve at the wrong time gives a higher loss."""
        return self.gain_of_time.is_positive

    def lines(self) -> list[str]:
        """Lines of text for the log."""
        return [
            f"held-out loss is less with the curve than without by {self.gain}",
            f"and less than with the curve at another time by {self.gain_of_time}",
            *(f"{name} {value:.3f}" for name, value in self.listened.items()),
        ]

    def write(self, path: Path) -> None:
        """Write the report as JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_when_complete(path) as beside:
            beside.write_text(json.dumps(asdict(self), indent=2) + "\n")


def read_report(path: Path) -> tuple[str, int] | None:
    """Version and steps of a report; None where there is none that can be read."""
    try:
        given: dict[str, Any] = json.loads(path.read_text())
        return str(given["version"]), int(given["steps"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
