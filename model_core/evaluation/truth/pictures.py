"""Pictures of the truth set: textured canvases with shots that pan over them, shots of real motion, and frame times.

The shots of real motion are segments without a cut out of free clips that scripts/fetch_footage.py brings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Picture = NDArray[np.uint8]
Size = tuple[int, int]

MARGIN: Final = (160, 240)
"""Rows and columns of a canvas beyond the frame."""
PAN_PX_S: Final = 40.0


@dataclass(frozen=True)
class Pan:
    """A shot: a window of `size` (rows, columns) that glides over a canvas.

    Attributes:
        canvas: (rows + MARGIN[0], columns + MARGIN[1], 3), or larger.
        size: of the frame.
        start: row and column of the window's corner at second 0.
        velocity: pixels a second, down and right.
    """

    canvas: Picture
    size: Size
    start: NDArray[np.float64]
    velocity: NDArray[np.float64]

    def at(self, time: float) -> Picture:
        """The frame at `time` seconds; the window turns round at the canvas' edges."""
        room = np.array(self.canvas.shape[:2]) - self.size
        place = np.abs((self.start + time * self.velocity) % (2 * room))
        row, column = np.where(place > room, 2 * room - place, place).astype(int)
        return self.canvas[row : row + self.size[0], column : column + self.size[1]]


def pan(rng: np.random.Generator, number: int, size: Size, canvas: Picture | None = None) -> Pan:
    """A slow pan over a new canvas; neighbouring numbers differ in kind. A cut stands out from so slow a motion."""
    canvas = texture(rng, number, size) if canvas is None else canvas
    room = np.array(canvas.shape[:2]) - size
    return Pan(canvas, size, rng.uniform(0.2, 0.8, 2) * room, rng.uniform(-PAN_PX_S, PAN_PX_S, 2))


def texture(rng: np.random.Generator, number: int, size: Size) -> Picture:
    """A coloured canvas."""
    tone = (clouds, stripes, tiles, discs)[number % 4](rng, (size[0] + MARGIN[0], size[1] + MARGIN[1]))
    dark, light = rng.uniform(0, 110, 3), rng.uniform(140, 255, 3)
    return np.asarray(dark + (light - dark) * tone[..., None], np.uint8)


def clouds(rng: np.random.Generator, size: Size) -> NDArray[np.float64]:
    """Smooth noise in 0..1 at a random scale."""
    return _unit(gaussian_filter(rng.normal(size=size), rng.uniform(3, 25)))


def stripes(rng: np.random.Generator, size: Size) -> NDArray[np.float64]:
    """Waves in 0..1 at a random angle and width."""
    y, x = np.mgrid[: size[0], : size[1]]
    angle = rng.uniform(0, np.pi)
    return _unit(np.sin((np.cos(angle) * x + np.sin(angle) * y) * 2 * np.pi / rng.uniform(10, 60)))


def tiles(rng: np.random.Generator, size: Size) -> NDArray[np.float64]:
    """Squares of random grey in 0..1."""
    side = int(rng.integers(12, 50))
    grid = rng.uniform(size=(size[0] // side + 1, size[1] // side + 1))
    return grid.repeat(side, 0).repeat(side, 1)[: size[0], : size[1]]


def discs(rng: np.random.Generator, size: Size) -> NDArray[np.float64]:
    """Overlapping discs of random grey in 0..1."""
    y, x = np.mgrid[: size[0], : size[1]]
    tone = np.full(size, rng.uniform())
    for _ in range(30):
        row, column, radius = rng.uniform(0, size[0]), rng.uniform(0, size[1]), rng.uniform(10, 60)
        tone[(y - row) ** 2 + (x - column) ** 2 < radius**2] = rng.uniform()
    return tone


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low)


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
            frames, fps = _decode(footage[source], size)
            for start, end in segments:
                segment = frames[round(start * fps) : round(end * fps)]
                if len(segment) > fps / 2:
                    shots.append(Shot(source, segment, fps))
    return shots


def _decode(path: Path, size: Size) -> tuple[Picture, float]:
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


TICKS_PER_SECOND: Final = 90_000


def frame_ticks(rng: np.random.Generator, duration: float, rate: Fraction, variable: bool) -> NDArray[np.int64]:
    """pts of all frames in 1/TICKS_PER_SECOND; `variable` drops a tenth and moves the rest by up to a third."""
    step = TICKS_PER_SECOND / rate
    count = round(duration * rate)
    ticks = np.array([round(number * step) for number in range(count)], np.int64)
    if variable:
        moved = ticks + np.round(rng.uniform(0, float(step) / 3, count)).astype(np.int64)
        moved[0] = 0
        ticks = moved[(rng.uniform(size=count) > 0.1) | (np.arange(count) == 0)]
    return ticks


def first_shown(times: NDArray[np.float64], wanted: float) -> float:
    """The first frame time that is not before `wanted`; the last one where there is none."""
    return float(times[min(int(np.searchsorted(times, wanted - 1e-6)), len(times) - 1)])
