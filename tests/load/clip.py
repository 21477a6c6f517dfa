"""A short video of a wanted size in bytes: noise, which no codec can make small."""

from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

_FPS: Final = 25
_SIZE: Final = (160, 120)


def make_noise(path: Path, least_bytes: int) -> Path:
    """H.264 in MP4, a little larger than asked for."""
    chance = np.random.default_rng(0)
    written = 0
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=Fraction(_FPS))
        video.width, video.height = _SIZE
        video.pix_fmt = "yuv420p"
        video.options = {"preset": "ultrafast", "qp": "20"}
        while written < least_bytes:
            picture = chance.integers(0, 256, (_SIZE[1], _SIZE[0], 3), dtype=np.uint8)
            for packet in video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                written += packet.size
                container.mux(packet)
        container.mux(video.encode(None))
    return path
