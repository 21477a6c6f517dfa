"""The event curve of a video file: frames from the sandbox, features, contrast of what stands before and after.

The features of FRAME_RATE frames a second decide how much changes; the luma of every frame decides when, to the frame.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from model_core.curves import EventCurve, contrast_curve
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
    """Pictures -> features."""

    name: str
    size: int

    def embed(self, rgb: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Features (N, D) of pictures (N, size, size, 3)."""
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
    features, times, changed = [], [], []
    for batch in frames(path, FRAME_RATE, encoder.size):
        features.append(seen(encoder.embed(batch.rgb), batch.rgb))
        times.append(batch.times)
        changed.append(batch.changed)
        progress(min(1.0, float(batch.times[-1]) / max(duration, 1e-3)))
    return contrast_curve(
        np.concatenate(features),
        np.concatenate(times),
        encoder.name,
        pools=POOLS,
        window=WINDOW_S,
        std_floor=STD_FLOOR,
        changed=np.concatenate(changed),
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
