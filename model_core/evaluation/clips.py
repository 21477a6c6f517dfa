"""Ten generated clips with hard cuts at known times: textured shots that move, the same on every machine for a seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

FPS: Final = 25
WIDTH: Final = 320
HEIGHT: Final = 180
CANVAS: Final = (HEIGHT + 160, WIDTH + 240)
SHOT_MIN_S: Final = 0.9


@dataclass(frozen=True)
class Clip:
    """A video and the times in seconds of the first frame of each new shot."""

    path: Path
    cuts: tuple[float, ...]

    @property
    def name(self) -> str:
        """The file name without its ending."""
        return self.path.stem


def make_clips(folder: Path, count: int = 10, seed: int = 0) -> list[Clip]:
    """Write `count` clips of 10 to 14 s with 3 to 8 cuts each into `folder`, as H.264 in MP4 without sound."""
    folder.mkdir(parents=True, exist_ok=True)
    return [make_clip(folder / f"generated-{n:02d}.mp4", np.random.default_rng([seed, n])) for n in range(count)]


def make_clip(path: Path, rng: np.random.Generator) -> Clip:
    """Write one clip; everything about it is drawn from `rng`."""
    frames = int(rng.integers(10 * FPS, 14 * FPS + 1))
    cuts = cut_frames(rng, frames, int(rng.integers(3, 9)))
    with av.open(path, "w") as container:
        # A constant quantiser: with crf, x264's lookahead does not repeat itself bit for bit from run to run.
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "qp": "23"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        edges = [0, *cuts, frames]
        for number, (start, end) in enumerate(pairwise(edges)):
            for picture in shot(rng, number, end - start):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return Clip(path, tuple(cut / FPS for cut in cuts))


def cut_frames(rng: np.random.Generator, frames: int, count: int) -> list[int]:
    """`count` irregular frame numbers whose gaps, to both ends too, are at least SHOT_MIN_S; on no beat by design."""
    least = int(np.ceil(SHOT_MIN_S * FPS))
    spare = frames - (count + 1) * least
    shares = rng.dirichlet(np.full(count + 1, 1.5)) * spare
    return [int(n) for n in np.floor(np.cumsum(shares)[:-1]).astype(int) + least * np.arange(1, count + 1)]


def shot(rng: np.random.Generator, number: int, frames: int) -> Iterator[NDArray[np.uint8]]:
    """`frames` pictures (HEIGHT, WIDTH, 3) of one texture, panned steadily; neighbouring numbers differ in kind."""
    kinds = (clouds, stripes, tiles, discs)
    tone = kinds[number % len(kinds)](rng)
    dark, light = rng.uniform(0, 110, 3), rng.uniform(140, 255, 3)
    canvas = (dark + (light - dark) * tone[..., None]).astype(np.uint8)
    room = np.array([CANVAS[0] - HEIGHT, CANVAS[1] - WIDTH])
    # A slow pan: at most 40 pixels a second, so that a cut stands out from the motion around it.
    start = rng.uniform(0.25, 0.75, 2) * room
    velocity = rng.uniform(-40, 40, 2) / FPS
    for n in range(frames):
        y, x = np.clip(start + n * velocity, 0, room).astype(int)
        yield np.ascontiguousarray(canvas[y : y + HEIGHT, x : x + WIDTH])


def clouds(rng: np.random.Generator) -> NDArray[np.float64]:
    """Smooth noise in 0..1 of the canvas' size, at a random scale."""
    noise = gaussian_filter(rng.normal(size=CANVAS), rng.uniform(3, 25))
    return _unit(noise)


def stripes(rng: np.random.Generator) -> NDArray[np.float64]:
    """Waves in 0..1 at a random angle and width."""
    y, x = np.mgrid[: CANVAS[0], : CANVAS[1]]
    angle = rng.uniform(0, np.pi)
    return _unit(np.sin((np.cos(angle) * x + np.sin(angle) * y) * 2 * np.pi / rng.uniform(10, 60)))


def tiles(rng: np.random.Generator) -> NDArray[np.float64]:
    """Squares of random grey in 0..1."""
    side = int(rng.integers(12, 50))
    grid = rng.uniform(size=(CANVAS[0] // side + 1, CANVAS[1] // side + 1))
    return grid.repeat(side, 0).repeat(side, 1)[: CANVAS[0], : CANVAS[1]]


def discs(rng: np.random.Generator) -> NDArray[np.float64]:
    """Overlapping discs of random grey in 0..1."""
    y, x = np.mgrid[: CANVAS[0], : CANVAS[1]]
    tone = np.full(CANVAS, rng.uniform())
    for _ in range(30):
        cy, cx, radius = rng.uniform(0, CANVAS[0]), rng.uniform(0, CANVAS[1]), rng.uniform(10, 60)
        tone[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = rng.uniform()
    return tone


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low)
