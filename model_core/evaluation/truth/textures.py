"""Textured canvases, larger than a frame, and the shots that pan over them."""

from dataclasses import dataclass
from typing import Final

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
