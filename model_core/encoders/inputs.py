"""Inputs of encoders: pictures of the right shape, audio in mono at the encoder's own rate."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly


def check_pictures(rgb: NDArray[np.uint8], size: int) -> None:
    """ValueError unless ``rgb`` is uint8 of shape (N, size, size, 3)."""
    if rgb.dtype != np.uint8 or rgb.shape[1:] != (size, size, 3):
        raise ValueError(f"rgb must be uint8 of shape (N, {size}, {size}, 3), not {rgb.dtype} {rgb.shape}")


def mono_at(audio: NDArray[np.float32], sample_rate: int, wanted: int) -> NDArray[np.float32]:
    """Mono (N,) or multi-channel (C, M) audio at ``sample_rate`` as mono at ``wanted``, both in Hz."""
    mono = audio.mean(axis=0) if audio.ndim == 2 else audio
    if sample_rate == wanted:
        return mono
    divisor = int(np.gcd(sample_rate, wanted))
    return np.asarray(resample_poly(mono, wanted // divisor, sample_rate // divisor))
