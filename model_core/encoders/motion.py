"""Motion encoder, by OpenCV's DIS optical flow: features for the event curve of a dance.

For dance the paper uses CoTracker's tracks instead of DINOv2's features. CoTracker is in no package registry and RAFT
needs a download of weights; Dense Inverse Search (Kroeger and others, 2016) has no weights. A beat of a dance, which is
a movement that reverses, shows as a reversal of the flow.
"""

from itertools import pairwise
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from model_core.encoders.registry import PICTURE_ENCODERS, EncoderEntry, check_pictures

GRID: Final = 8
"""Cells per side over which the flow is averaged: coarse enough to be steady, fine enough to tell limbs apart."""
HALF: Final = 0.016
"""Movement between two pictures, in widths, that counts half as much as the fastest: a fifth of a width per second at
12.5 pictures per second, the speed of a dancer. So faster movement, such as a whip pan or the meaningless flow across a
cut, does not outweigh the dancer."""
WEIGHT: Final = 1.2
"""Length of a feature of the fastest movement in all cells, chosen relative to video_curve's STD_FLOOR: a dancer in
a tenth of the picture gives peaks, while noise, a trembling hand or a steady pan stay below it."""


class MotionDis:
    """Movement in each cell of a coarse grid. No weights; deterministic; 0.3 ms per picture on one core."""

    name: str = "motion-dis"
    size: int = 112  # as good as 224 and three times as fast
    feature_kind: Literal["motion"] = "motion"

    def embed(self, rgb: NDArray[np.uint8], previous: NDArray[np.uint8] | None = None) -> NDArray[np.float32]:
        """Compute the movement that led to each picture.

        Args:
            rgb: pictures in order of time, shape (N, 112, 112, 3); N may be 0.
            previous: picture before the first, shape (112, 112, 3). Without it the first picture gets the movement of
                the second, or none if it is alone: the start of a video is not an event.

        Returns:
            Features, shape (N, 2 * GRID ** 2), of length 0 (still) to WEIGHT.

        Raises:
            ValueError: an array has another shape or type.
        """
        check_pictures(rgb, self.size)
        shape = (self.size, self.size, 3)
        if previous is not None and (previous.dtype != np.uint8 or previous.shape != shape):
            raise ValueError(f"previous must be uint8 of shape {shape}, not {previous.dtype} {previous.shape}")
        pictures = rgb if previous is None else np.concatenate([previous[None], rgb])
        grays = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures]
        # One object per call: it keeps buffers between pictures, and two videos may be encoded at once.
        flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        # No initial flow; OpenCV's types do not know that this is allowed.
        found = (flow.calc(before, after, None) for before, after in pairwise(grays))  # type: ignore[call-overload]
        moved = [_cells(one) for one in found]
        if previous is None and len(rgb):
            moved.insert(0, moved[0] if moved else np.zeros((GRID, GRID, 2), np.float32))
        cells = np.stack(moved) / self.size if moved else np.zeros((0, GRID, GRID, 2), np.float32)
        speed = np.linalg.norm(cells, axis=-1, keepdims=True)
        return np.asarray((cells * (WEIGHT / GRID / (HALF + speed))).reshape(len(rgb), 2 * GRID**2), np.float32)


def _cells(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean flow of each cell in pixels, shape (GRID, GRID, 2)."""
    side = flow.shape[0] // GRID
    return np.asarray(flow.reshape(GRID, side, GRID, side, 2).mean(axis=(1, 3)))


PICTURE_ENCODERS.register(MotionDis.name, EncoderEntry(lambda weights, device: MotionDis()))
