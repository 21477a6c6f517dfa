"""Event curve of a video: frames from the sandbox, features by an encoder, and the contrast before and after.

The features of FRAME_RATE frames a second decide how much changes. The time of a change is exact to the video frame:
for features of pictures it comes from the luma of every frame, for features of motion from the frame where motion
turns.
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
"""Numbers of frames on either side that are compared: for cuts, whip pans, fades, and dissolves of about a second."""
STD_FLOOR: Final = 0.08
CELLS: Final = 8
PICTURE_WEIGHT: Final = 3.0
"""Weight of the small picture beside the features. While a picture darkens or dissolves, features stay the same for a
long time and then change at once; the picture itself changes evenly."""


class FrameEncoder(Protocol):
    """Encoder of pictures to features. It keeps no state between calls, so two videos can be encoded at once.

    Attributes:
        name: name for curves and reports.
        size: side of its square input pictures, in pixels.
    """

    name: str
    size: int

    @property
    def feature_kind(self) -> Literal["picture", "motion"]:
        """Kind of the features: content of a picture, compared by angle and together with a small picture, or the
        motion that led to it, compared by distance."""
        ...

    def embed(self, rgb: NDArray[np.uint8], previous: NDArray[np.uint8] | None = None) -> NDArray[np.float32]:
        """Features (N, D) of pictures (N, size, size, 3) in order of time.

        ``previous`` is the picture before the first one, (size, size, 3); None at the start of a video.
        """
        ...


def video_curve(
    path: Path, encoder: FrameEncoder, duration: float, progress: Callable[[float], None] = lambda fraction: None
) -> EventCurve:
    """Compute the standardized event curve of a video, smoothed over WINDOW_S.

    Args:
        path: a video that has been probed.
        encoder: encoder of its pictures.
        duration: length of the video in seconds, used for progress only.
        progress: called with the fraction done.

    Raises:
        MediaError: the video cannot be decoded within its limits.
    """
    parts, times, changed = [], [], []
    previous: NDArray[np.uint8] | None = None
    for batch in frames(path, FRAME_RATE, encoder.size):
        found = encoder.embed(batch.rgb, previous)
        previous = batch.rgb[-1]
        parts.append(join_picture(found, batch.rgb) if encoder.feature_kind == "picture" else found)
        times.append(batch.times)
        changed.append(batch.changed)
        progress(min(1.0, float(batch.times[-1]) / max(duration, 1e-3)))
    features, seconds, moments = np.concatenate(parts), np.concatenate(times), np.concatenate(changed)
    if encoder.feature_kind == "motion":
        from scipy.ndimage import median_filter

        # Sampling at FRAME_RATE sometimes repeats or skips a frame of the video, so that all motion seems to stop or
        # to jump. The median of three removes that.
        features = median_filter(features, size=(3, 1), mode="nearest")
        # Features are the motion to a picture; where they change, motion turned at the picture before.
        moments = np.concatenate([seconds[:1], seconds[:-1]])
    return contrast_curve(
        features, seconds, encoder.name, pools=POOLS, window=WINDOW_S, std_floor=STD_FLOOR, changed=moments
    )


def join_picture(features: NDArray[np.float32], rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Append a small picture to normalized features, so that squared distances add.

    The squared distance of two results is 1 - cosine of the features plus PICTURE_WEIGHT squared times the mean squared
    difference of the pictures, with white as 1.

    Args:
        features: features of the pictures, shape (N, D).
        rgb: the pictures, shape (N, size, size, 3), size at least CELLS.

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
    """Event curve and its peaks, ready for JSON."""
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
