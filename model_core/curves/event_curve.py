"""Event curves: when and how much something changes, measured inside one modality (arXiv 2603.11042, section 3).

The dissimilarity of neighbouring embeddings, at the midpoint of their times, standardised over the clip. What the
paper leaves open is decided in docs/adr/0002-event-curve.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.plan.events import Events

FloatArray = NDArray[np.float64]

STD_FLOOR: Final = 0.06
"""Least standard deviation that a raw curve is divided by: a still picture stays flat, its noise is not amplified."""
PULSE_SIGMA_S: Final = 0.1
PULSE_SCALE: Final = 4.0
LEAST_STRENGTH: Final = 0.45
SIZE_POOL: Final = 4
"""Embeddings on either side whose means tell how large an event of a contrast curve is: a third of a second."""


@dataclass(frozen=True)
class EventCurve:
    """A standardised event curve.

    Attributes:
        times: seconds from the start of the clip, shape (T,), ascending.
        values: unitless, about mean 0 and standard deviation 1, shape (T,).
        encoder: name of the encoder whose features were compared.
        window: width in seconds of the Hann window it was smoothed with; 0 = none.
        sizes: how much what stands after each time differs from what stood before it, shape (T,), at least 0; None
            where the values are all that is known.
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
        """Local maxima higher than ``height`` and standing out by ``prominence`` (both in standard deviations).

        Strengths are the heights over their 90th percentile, at most 1; what is weaker than LEAST_STRENGTH is a change
        of chord or a pan, beside which there are real events, and is left out. Where the curve has sizes, the heights
        choose the events in the same way, but the strengths are the sizes over theirs, at least LEAST_STRENGTH.
        """
        if len(self.times) < 3:
            return Events(np.zeros(0), np.zeros(0))
        from scipy.signal import find_peaks, peak_prominences  # here: the import is half of a worker's start

        spacing = float(np.median(np.diff(self.times)))
        # The first and the last value have but one neighbour and are no peaks: an end of the clip is no event.
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
    """Standardised event curve of a sequence of embeddings.

    Args:
        features: embeddings f_t, shape (N, D).
        timestamps: their times in seconds, shape (N,), ascending.
        encoder: name kept in the result.
        pool: how many embeddings on either side are averaged before they are compared; 1 compares neighbours.
        power: exponent on 1 - cos; 0.5 (the chord between the unit vectors, up to a factor) keeps a few large cuts
            from flattening everything else.
        window: width in seconds of a sum-normalised Hann window to smooth with, ends replicated; 0 = none.
        std_floor: least divisor, in units of (1 - cos) ** power.
        changed: when each embedding came to differ from the one before, in seconds, shape (N,), as far as another
            measure knows it better than the midpoint of the two timestamps; its first value is not used.

    Returns:
        The curve at the N - 1 times of ``changed``, by default the midpoints; a single frame gives one
        zero, as a constant clip gives zeros.
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
    # Smoothed before it is standardised: fast cutting would else lose its height to the window.
    raw = smoothed(np.clip(1.0 - cosine, 0.0, 2.0) ** power, window / float(np.median(np.diff(times))))
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
    """Standardised event curve in which a change may take one frame or a second: an event is what its two sides differ
    by *beyond what they differ within themselves*, at the width of sides at which that is most.

    A cut keeps its frame, since wide sides agree with narrow ones there. A dissolve's sides differ most round its
    middle. In steady motion each side changes within itself as much as from the other, and little is left.

    Args:
        features: embeddings whose Euclidean distance tells how much they differ, shape (N, D).
        timestamps: their times in seconds, shape (N,), ascending.
        encoder: name kept in the result.
        pools: widths of a side in embeddings; 1 compares neighbours, which have nothing within.
        window: as in event_curve.
        std_floor: as in event_curve, in units of the distance.
        changed: as in event_curve.

    Returns:
        The curve at the N - 1 times of ``changed``, by default the midpoints, with the distance of SIZE_POOL
        embeddings on either side as its sizes; a single frame gives one zero, as a constant clip gives zeros.
    """
    if len(features) < 2:
        return EventCurve(np.asarray(timestamps[:1], np.float64), np.zeros(len(features[:1])), encoder, window)
    times = np.asarray(timestamps, np.float64)
    contrast = np.stack([_contrast(features, pool) for pool in pools]).max(axis=0)
    raw = smoothed(contrast, window / float(np.median(np.diff(times))))
    values = (raw - raw.mean()) / max(float(raw.std()), std_floor)
    at = (times[:-1] + times[1:]) / 2 if changed is None else changed[1:]
    return EventCurve(at, values, encoder, window, _across(features, SIZE_POOL))


def _contrast(features: NDArray[np.float32], pool: int) -> FloatArray:
    """How much two sides of ``pool`` embeddings differ beyond the halves of either side, at least 0; shape (N - 1,)."""
    across, half = _across(features, pool), pool // 2
    if half == 0:
        return across
    halves, at = _across(features, half), np.arange(len(across))
    within = (halves[np.maximum(at - half, 0)] + halves[np.minimum(at + half, len(at) - 1)]) / 2
    return np.maximum(across - within, 0.0)


def _across(features: NDArray[np.float32], pool: int) -> FloatArray:
    """Distance of the means of ``pool`` embeddings before and after each place between two, fewer at the ends."""
    sums = np.cumsum(np.concatenate([np.zeros((1, features.shape[1])), features.astype(np.float64)]), axis=0)
    cut = np.arange(1, len(features))
    first, last = np.maximum(cut - pool, 0), np.minimum(cut + pool, len(features))
    before = (sums[cut] - sums[first]) / (cut - first)[:, None]
    after = (sums[last] - sums[cut]) / (last - cut)[:, None]
    return np.asarray(np.linalg.norm(after - before, axis=1))


def smoothed(values: FloatArray, points: float) -> FloatArray:
    """Values (T,) smoothed with a sum-normalised Hann window of about ``points`` points, ends replicated."""
    from scipy.ndimage import correlate1d

    odd = round(points) | 1
    kernel = np.hanning(odd + 2)[1:-1]
    return np.asarray(correlate1d(values, kernel / kernel.sum(), mode="nearest"))


def peak_shaped(events: Events, times: FloatArray) -> FloatArray:
    """Events drawn as narrow Gaussians on a flat zero floor, at the given seconds: shape of ``times``, 0..PULSE_SCALE.

    Curves of pictures and of music differ in everything but their peaks; drawn alike, the one can stand in for the
    other.
    """
    if not len(events):
        return np.zeros(len(times))
    distance = (times[:, None] - events.times[None]) / PULSE_SIGMA_S
    return np.asarray(PULSE_SCALE * (events.strengths * np.exp(-0.5 * distance**2)).max(axis=1))
