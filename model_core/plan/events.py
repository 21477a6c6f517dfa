"""Events of a video: the moments at which the music should change too."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Events:
    """Times and strengths of K events.

    Attributes:
        times: seconds from the start of the clip, shape (K,), ascending.
        strengths: unitless, shape (K,), more than 0 and at most 1.
    """

    times: NDArray[np.float64]
    strengths: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.times)
