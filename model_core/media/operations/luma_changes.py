"""When the picture changed, to the frame: the luma of every picture against that of the one before it."""

from typing import Final

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

_WIDTH: Final = 64
_HEIGHT: Final = 36


class Changes:
    """Sees every picture at the video's own rate, and says for each interval of a coarser grid when it changed."""

    def __init__(self) -> None:
        self._luma: NDArray[np.int16] | None = None
        self._weights = self._weighted_times = 0.0

    def see(self, picture: VideoFrame, begins: float) -> None:
        """Take note of a picture that is on screen from ``begins`` seconds on."""
        # Small: grain and sensor noise average out, and it costs a tenth of decoding.
        small = picture.reformat(_WIDTH, _HEIGHT, "gray", interpolation=Interpolation.AREA, threads=1)
        luma = small.to_ndarray().astype(np.int16)
        if self._luma is not None:
            # Squared: one frame of a cut outweighs the even motion round it.
            weight = float(np.abs(luma - self._luma).mean()) ** 2
            self._weights += weight
            self._weighted_times += weight * begins
        self._luma = luma

    def moment(self, start: float, end: float) -> float:
        """The mean time of the changes seen since the last call, weighted by their squares, within start..end.

        The middle of the interval when nothing changed.
        """
        middle = (start + end) / 2
        moment = self._weighted_times / self._weights if self._weights > 0 else middle
        self._weights = self._weighted_times = 0.0
        return max(0.0, min(max(moment, start), end))
