"""The event curve of a video file: frames from the sandbox, features, contrast of what stands before and after.

The features of FRAME_RATE frames a second decide how much changes. Where they tell what is seen, the luma of every
frame decides when, to the frame; where they tell how it moves, the frame at which it turns.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve, contrast_curve
from model_core.media import frames

FRAME_RATE: Final = 12.5
WINDOW_S: Final = 0.2
POOLS: Final = (1, 4, 8, 12)
"""Frames on either side that are compared: a cut, a whip of the camera, a fade, a dissolve of most of a second."""
STD_FLOOR: Final = 0.08
CELLS: Final = 8
PICTURE_WEIGHT: Final = 3.0
"""Of the small picture beside the features. They tell one thing from another, but a picture that darkens or dissolves
is the same thing to them until late, and then another at once; the picture itself changes evenly."""


class FrameEncoder(Protocol):
    """Pictures -> features. Keeps nothing between two calls: two videos may be in work on it at the same time.

    Attributes:
        name: goes into curves and reports.
        size: side in pixels of the square pictures that it takes.
    """

    name: str
    size: int

    @property
    def sees(self) -> Literal["picture", "motion"]:
        """Whether features tell what is in a picture (compared by their angle, together with a small picture), or the
        movement that led to it (compared as they are)."""
        ...

    def embed(self, rgb: NDArray[np.uint8], previous: NDArray[np.uint8] | None = None) -> NDArray[np.float32]:
        """Features (N, D) of pictures (N, size, size, 3) in the order of time.

        ``previous`` is the picture before the first of them, (size, size, 3); None at the beginning of a video.
        """
        ...


def video_curve(
    path: Path, encoder: FrameEncoder, duration: float, progress: Callable[[float], None] = lambda fraction: None
) -> EventCurve:
    """Standardised event curve of a video, smoothed over WINDOW_S.

    Args:
        path: a video that has been probed.
        encoder: pictures to features.
        duration: of the video in seconds, for the progress alone.
        progress: called with the fraction done.

    Raises:
        MediaError: the video cannot be decoded within its limits.
    """
    parts, times, changed = [], [], []
    previous: NDArray[np.uint8] | None = None
    for batch in frames(path, FRAME_RATE, encoder.size):
        found = encoder.embed(batch.rgb, previous)
        previous = batch.rgb[-1]
        parts.append(seen(found, batch.rgb) if encoder.sees == "picture" else found)
        times.append(batch.times)
        changed.append(batch.changed)
        progress(min(1.0, float(batch.times[-1]) / max(duration, 1e-3)))
    features, seconds, moments = np.concatenate(parts), np.concatenate(times), np.concatenate(changed)
    if encoder.sees == "motion":
        from scipy.ndimage import median_filter

        # Frames sampled at FRAME_RATE lie unevenly in the video: now and then one of them is shown twice, or one is
        # passed over, and all seems to stop or to leap. The median of three movements knows nothing of it.
        features = median_filter(features, size=(3, 1), mode="nearest")
        # The movements to a picture and from it on differ: it is there that something turned.
        moments = np.concatenate([seconds[:1], seconds[:-1]])
    return contrast_curve(
        features, seconds, encoder.name, pools=POOLS, window=WINDOW_S, std_floor=STD_FLOOR, changed=moments
    )


def seen(features: NDArray[np.float32], rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Features and a small picture joined, so that squared distances add: 1 - cosine of the features, and
    PICTURE_WEIGHT squared times the mean squared difference of the pictures, white being 1.

    Args:
        features: shape (N, D).
        rgb: the pictures that they are of, shape (N, size, size, 3), size at least CELLS.

    Returns:
        Shape (N, D + 3 * CELLS ** 2).
    """
    edges = np.arange(CELLS) * rgb.shape[1] // CELLS
    sides = np.diff(edges, append=rgb.shape[1])
    sums = np.add.reduceat(np.add.reduceat(rgb, edges, axis=1, dtype=np.uint32), edges, axis=2)
    small = (sums / (255.0 * np.outer(sides, sides)[..., None])).reshape(len(rgb), -1)
    units = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9) / np.sqrt(2)
    return np.concatenate([units, PICTURE_WEIGHT * small / np.sqrt(small.shape[1])], axis=1).astype(np.float32)


def curve_json(curve: EventCurve) -> dict[str, Any]:
    """An event curve and its peaks, ready for JSON."""
    events = curve.peaks()
    return {
        "encoder": curve.encoder,
        "window_s": curve.window,
        "times_s": [round(float(t), 4) for t in curve.times],
        "values": [round(float(v), 4) for v in curve.values],
        "events": [
            {"time_s": round(float(t), 4), "strength": round(float(s), 3)}
            for t, s in zip(events.times, events.strengths, strict=True)
        ],
    }
