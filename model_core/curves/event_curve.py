"""Event curves: when and how much something changes, within one modality (arXiv 2603.11042, section 3).

An event curve is the dissimilarity of neighboring embeddings at the midpoints of their times, standardized over the
clip. Details that the paper leaves open are decided in docs/adr/0002-event-curve.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.plan.events import Events

FloatArray = NDArray[np.float64]

STD_FLOOR: Final = 0.06
"""Least divisor of a raw curve, so that the noise of a still picture is not amplified."""
PULSE_SIGMA_S: Final = 0.1
PULSE_SCALE: Final = 4.0
LEAST_STRENGTH: Final = 0.45
SIZE_POOL: Final = 4
"""Embeddings on either side whose means give the size of an event of a contrast curve: a third of a second."""


@dataclass(frozen=True)
class EventCurve:
    """A standardized event curve.

    Attributes:
        times: seconds from the start of the clip, shape (T,), ascending.
        values: unitless, about mean 0 and standard deviation 1, shape (T,).
        encoder: name of the encoder of the features.
        window: width in seconds of the Hann window that smoothed it; 0 = none.
        sizes: difference between the content before and after each time, shape (T,), at least 0; None where only the
            values are known.
    """

    times: FloatArray
    values: FloatArray
    encoder: str
    window: float = 0.0
    sizes: FloatArray | None = None

    def at(self, times: FloatArray) -> FloatArray:
        """Values at the given seconds, shape of ``times``; linear between points, constant beyond the ends."""
        return np.interp(times, self.times, self.values)

    def peaks(self, min_distance_s: float = 0.32, height: float = 1.0, prominence: float = 0.8) -> Events:
        """Find local maxima above ``height`` that stand out by ``prominence``, both in standard deviations.

        Strengths are the heights divided by their 90th percentile, at most 1. Peaks weaker than LEAST_STRENGTH, such
        as a change of chord or a pan beside real events, are dropped. Where the curve has sizes, the heights select the
        events in the same way, but the strengths are the sizes divided by their 90th percentile, at least
        LEAST_STRENGTH.
        """
        if len(self.times) < 3:
            return Events(np.zeros(0), np.zeros(0))
        from scipy.signal import find_peaks, peak_prominences  # here: the import is half of a worker's start

        spacing = float(np.median(np.diff(self.times)))
        # The first and the last value have only one neighbor and do not count: an end of the clip is not an event.
        found, _ = find_peaks(self.values, height=height, distance=max(1, round(min_distance_s / spacing)))
        found = found[peak_prominences(self.values, found)[0] >= prominence]
        if not len(found):
            return Events(np.zeros(0), np.zeros(0))
        strengths = np.minimum(self.values[found] / np.quantile(self.values[found], 0.9), 1.0)
        kept = strengths >= LEAST_STRENGTH
        found, strengths = found[kept], strengths[kept]
        if self.sizes is not None:
            sizes = self.sizes[found]
            strengths = np.clip(sizes / max(float(np.quantile(sizes, 0.9)), 1e-9), LEAST_STRENGTH, 1.0)
        return Events(self.times[found], strengths)


def event_curve(
    features: NDArray[np.float32],
    timestamps: FloatArray,
    encoder: str,
    *,
    pool: int = 1,
    power: float = 0.5,
    window: float = 0.0,
    std_floor: float = STD_FLOOR,
    changed: FloatArray | None = None,
) -> EventCurve:
    """Compute the standardized event curve of a sequence of embeddings.

    Args:
        features: embeddings f_t, shape (N, D).
        timestamps: their times in seconds, shape (N,), ascending.
        encoder: name kept in the result.
        pool: number of embeddings on either side that are averaged and compared; 1 compares neighbors.
        power: exponent of 1 - cos. 0.5, the distance of the unit vectors up to a factor, keeps a few large cuts from
            flattening everything else.
        window: width in seconds of a sum-normalized Hann window to smooth with, ends replicated; 0 = none.
        std_floor: least divisor, in units of (1 - cos) ** power.
        changed: time of the change from the previous embedding to each one, in seconds, shape (N,), where another
            measure gives it better than the midpoint of the timestamps. The first value is not used.

    Returns:
        The curve at the N - 1 times of ``changed``, or at the midpoints. A single frame gives one zero; a constant clip
        gives zeros.
    """
    if len(features) < 2:
        return EventCurve(np.asarray(timestamps[:1], np.float64), np.zeros(len(features[:1])), encoder, window)
    sums = np.cumsum(np.concatenate([np.zeros((1, features.shape[1])), features.astype(np.float64)]), axis=0)
    cut = np.arange(1, len(features))
    first, last = np.maximum(cut - pool, 0), np.minimum(cut + pool, len(features))
    before = (sums[cut] - sums[first]) / (cut - first)[:, None]
    after = (sums[last] - sums[cut]) / (last - cut)[:, None]
    norms = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    cosine = np.einsum("td,td->t", before, after) / np.maximum(norms, 1e-9)
    times = np.asarray(timestamps, np.float64)
    # Smoothed before it is standardized, so that fast cutting does not lose its height to the window.
    raw = smooth(np.clip(1.0 - cosine, 0.0, 2.0) ** power, window / float(np.median(np.diff(times))))
    values = (raw - raw.mean()) / max(float(raw.std()), std_floor)
    return EventCurve((times[:-1] + times[1:]) / 2 if changed is None else changed[1:], values, encoder, window)


def contrast_curve(
    features: NDArray[np.float32],
    timestamps: FloatArray,
    encoder: str,
    *,
    pools: Sequence[int],
    window: float = 0.0,
    std_floor: float = STD_FLOOR,
    changed: FloatArray | None = None,
) -> EventCurve:
    """Compute the standardized event curve of changes that take from one frame to about a second.

    The value at a time is the difference between its two sides, less the difference within each side, maximized over
    several widths of a side. A cut keeps its frame, since wide and narrow sides agree there. The sides of a dissolve
    differ most around its middle. In steady motion each side changes within itself as much as it differs from the
    other, and little is left.

    Args:
        features: embeddings that are compared by Euclidean distance, shape (N, D).
        timestamps: their times in seconds, shape (N,), ascending.
        encoder: name kept in the result.
        pools: widths of a side in embeddings; 1 compares neighbors.
        window: as in event_curve.
        std_floor: as in event_curve, in units of the distance.
        changed: as in event_curve.

    Returns:
        The curve at the N - 1 times of ``changed``, or at the midpoints; its sizes are the distances of SIZE_POOL
        embeddings on either side. A single frame gives one zero; a constant clip gives zeros.
    """
    if len(features) < 2:
        return EventCurve(np.asarray(timestamps[:1], np.float64), np.zeros(len(features[:1])), encoder, window)
    times = np.asarray(timestamps, np.float64)
    contrast = np.stack([_contrast(features, pool) for pool in pools]).max(axis=0)
    raw = smooth(contrast, window / float(np.median(np.diff(times))))
    values = (raw - raw.mean()) / max(float(raw.std()), std_floor)
    at = (times[:-1] + times[1:]) / 2 if changed is None else changed[1:]
    return EventCurve(at, values, encoder, window, _across(features, SIZE_POOL))


def _contrast(features: NDArray[np.float32], pool: int) -> FloatArray:
    """Difference of two sides of ``pool`` embeddings beyond that within a side, at least 0, shape (N - 1,)."""
    across, half = _across(features, pool), pool // 2
    if half == 0:
        return across
    halves, at = _across(features, half), np.arange(len(across))
    within = (halves[np.maximum(at - half, 0)] + halves[np.minimum(at + half, len(at) - 1)]) / 2
    return np.maximum(across - within, 0.0)


def _across(features: NDArray[np.float32], pool: int) -> FloatArray:
    """Distance of the means of ``pool`` embeddings, or fewer at the ends, before and after each midpoint."""
    sums = np.cumsum(np.concatenate([np.zeros((1, features.shape[1])), features.astype(np.float64)]), axis=0)
    cut = np.arange(1, len(features))
    first, last = np.maximum(cut - pool, 0), np.minimum(cut + pool, len(features))
    before = (sums[cut] - sums[first]) / (cut - first)[:, None]
    after = (sums[last] - sums[cut]) / (last - cut)[:, None]
    return np.asarray(np.linalg.norm(after - before, axis=1))


def smooth(values: FloatArray, points: float) -> FloatArray:
    """Smooth values (T,) with a sum-normalized Hann window of about ``points`` points, ends replicated."""
    from scipy.ndimage import correlate1d

    odd = round(points) | 1
    kernel = np.hanning(odd + 2)[1:-1]
    return np.asarray(correlate1d(values, kernel / kernel.sum(), mode="nearest"))


def draw_peaks(events: Events, times: FloatArray) -> FloatArray:
    """Draw events as narrow Gaussians over zero, at the given seconds; shape of ``times``, 0..PULSE_SCALE.

    Curves of pictures and of music have only their peaks in common. Drawn alike, one can replace the other.
    """
    if not len(events):
        return np.zeros(len(times))
    distance = (times[:, None] - events.times[None]) / PULSE_SIGMA_S
    return np.asarray(PULSE_SCALE * (events.strengths * np.exp(-0.5 * distance**2)).max(axis=1))


FRAME_STD_FLOOR: Final = 0.05
"""Least divisor of a frame curve: a curve without events stays flat."""


def frame_curve(curve: EventCurve, times: FloatArray, window_s: float) -> FloatArray:
    """Resample an event curve to latent frames, smooth and standardize it; shape (F,), unitless.

    Curves of pictures and of music come from different encoders at different rates. Resampled, smoothed with one wide
    window and standardized over the same times, one can replace the other (arXiv 2603.11042, section 3).

    Args:
        curve: event curve of pictures or of music.
        times: times of the latent frames in seconds, shape (F,), evenly spaced.
        window_s: width of the Hann window in seconds, a property of the model. Ends are replicated.
    """
    if len(times) < 2:
        return np.zeros(len(times))
    spacing = float(times[1] - times[0])
    values = smooth(curve.at(times), window_s / spacing)
    return np.asarray((values - values.mean()) / max(float(values.std()), FRAME_STD_FLOOR))
