"""Which frames of an example are given to the model, to be gone on from or filled in between: inpainting."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SHARES: Final = (0.8, 0.1, 0.1)
"""How often nothing is given, the beginning, and random spans: as in Stable Audio 3's own fine-tuning."""
_MOST_SPANS: Final = 3


def random_given(size: int, frames: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Random masks (B, F), True = given; at least one frame of each is left to generate."""
    given = np.zeros((size, frames), bool)
    if frames < 2:
        return given
    for row in given:
        kind = rng.choice(len(SHARES), p=SHARES)
        if kind == 1:
            row[: rng.integers(1, frames)] = True
        elif kind == 2:
            for _ in range(rng.integers(1, _MOST_SPANS + 1)):
                first, last = sorted(rng.integers(0, frames + 1, 2))
                row[first:last] = True
            if row.all():
                row[rng.integers(0, frames)] = False
    return given
