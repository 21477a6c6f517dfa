"""Preparation of encoders' inputs: shape check of pictures, mono audio at the encoder's sample rate."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly


def check_pictures(rgb: NDArray[np.uint8], size: int) -> None:
    """Raise ValueError unless ``rgb`` is uint8 of shape (N, size, size, 3)."""
    if rgb.dtype != np.uint8 or rgb.shape[1:] != (size, size, 3):
        raise ValueError(f"rgb must be uint8 of shape (N, {size}, {size}, 3), not {rgb.dtype} {rgb.shape}")


def resample_mono(audio: NDArray[np.float32], sample_rate: int, target_rate: int) -> NDArray[np.float32]:
    """Convert mono (N,) or multi-channel (C, N) audio at ``sample_rate`` to mono at ``target_rate``, both in Hz."""
    mono = audio.mean(axis=0) if audio.ndim == 2 else audio
    if sample_rate == target_rate:
        return mono
    divisor = int(np.gcd(sample_rate, target_rate))
    return np.asarray(resample_poly(mono, target_rate // divisor, sample_rate // divisor))
