"""Audio as an encoder takes it: mono, at its own rate."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly


def mono_at(audio: NDArray[np.float32], sample_rate: int, wanted: int) -> NDArray[np.float32]:
    """Mono (N,) or multi-channel (C, M) audio at ``sample_rate`` as mono at ``wanted``, both in Hz."""
    mono = audio.mean(axis=0) if audio.ndim == 2 else audio
    if sample_rate == wanted:
        return mono
    divisor = int(np.gcd(sample_rate, wanted))
    return np.asarray(resample_poly(mono, wanted // divisor, sample_rate // divisor))
