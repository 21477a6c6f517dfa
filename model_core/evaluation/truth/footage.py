"""Shots of real motion: segments without a cut out of free clips that scripts/fetch_footage.py brings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np

from model_core.evaluation.truth.textures import Picture, Size

SHOTS: Final[Mapping[str, tuple[tuple[float, float], ...]]] = {
    "bikes": ((0.0, 1.16), (1.24, 3.0), (3.08, 5.44), (5.52, 7.44), (7.52, 9.64)),
    "cityCC0": ((0.0, 4.56), (4.72, 7.6)),
    "earth": ((0.0, 10.0), (10.0, 20.0), (20.0, 30.0)),
    "bigbuckbunny": ((0.0, 5.2),),
}
"""Seconds from and to between which each source shows one shot; their own cuts lie outside."""


@dataclass(frozen=True)
class Shot:
    """Decoded frames of one segment; it plays to and fro for as long as it is asked."""

    source: str
    frames: Picture
    fps: float

    def at(self, time: float) -> Picture:
        """The frame at `time` seconds after the shot's beginning."""
        period = max(1, 2 * (len(self.frames) - 1))
        number = int(time * self.fps) % period
        return np.asarray(self.frames[min(number, period - number)])


def read_shots(footage: Mapping[str, Path], size: Size) -> list[Shot]:
    """All segments of the clips that are there, cropped to the shape of `size` (rows, columns) and scaled to it."""
    shots = []
    for source, segments in SHOTS.items():
        if source in footage:
            frames, fps = _decoded(footage[source], size)
            for start, end in segments:
                segment = frames[round(start * fps) : round(end * fps)]
                if len(segment) > fps / 2:
                    shots.append(Shot(source, segment, fps))
    return shots


def _decoded(path: Path, size: Size) -> tuple[Picture, float]:
    rows, columns = size
    with av.open(path) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate or stream.guessed_rate or 25)
        frames = []
        for frame in container.decode(stream):
            scale = max(rows / frame.height, columns / frame.width)
            wide = frame.reformat(
                max(columns, round(frame.width * scale)), max(rows, round(frame.height * scale)), "rgb24"
            ).to_ndarray()
            top, left = (wide.shape[0] - rows) // 2, (wide.shape[1] - columns) // 2
            frames.append(wide[top : top + rows, left : left + columns])
    return np.stack(frames), fps
