"""The instants at which a clip's frames are shown."""

from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
