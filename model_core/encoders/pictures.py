"""Pictures as an encoder takes them."""

import numpy as np
from numpy.typing import NDArray


def check_pictures(rgb: NDArray[np.uint8], size: int) -> None:
    """ValueError unless ``rgb`` is uint8 of shape (N, size, size, 3)."""
    if rgb.dtype != np.uint8 or rgb.shape[1:] != (size, size, 3):
        raise ValueError(f"rgb must be uint8 of shape (N, {size}, {size}, 3), not {rgb.dtype} {rgb.shape}")
