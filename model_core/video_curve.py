"""The event curve of a video file: frames from the sandbox, features, neighbouring dissimilarity.

The features of FRAME_RATE frames a second decide how much changes; the luma of every frame decides when, to the frame.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from model_core.curves import EventCurve, event_curve
from model_core.media import frames

FRAME_RATE: Final = 12.5
WINDOW_S: Final = 0.2


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
        features.append(encoder.embed(batch.rgb))
        times.append(batch.times)
        changed.append(batch.changed)
        progress(min(1.0, float(batch.times[-1]) / max(duration, 1e-3)))
    return event_curve(
        np.concatenate(features),
        np.concatenate(times),
        encoder.name,
        window=WINDOW_S,
        changed=np.concatenate(changed),
    )


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
