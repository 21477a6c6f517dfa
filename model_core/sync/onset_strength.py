"""Onset strength of music: how much the log-mel spectrum rises from one 10 ms to the next, averaged over its bands."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

SAMPLE_RATE: Final = 22050
_HOP: Final = 220
RATE: Final = SAMPLE_RATE / _HOP
"""Values a second."""
_FFT: Final = 1024
_BANDS: Final = 48
_BLOCK: Final = 4096  # windows at a time: bounds the memory of long music
_LAG: Final = 2  # hops that are compared over: half of a window, so that an attack is seen once
_FLOOR: Final = 1e-3  # of the loudest band: what lies 60 dB under it does not count as sound


def onset_strength(audio: NDArray[np.float32]) -> NDArray[np.float64]:
    """Onset strength of mono audio (N,) at SAMPLE_RATE, shape (T,); value i is at i / RATE seconds."""
    padded = np.pad(audio, (_FFT // 2, _FFT))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[: len(audio) : _HOP]
    hann, filters = np.hanning(_FFT).astype(np.float32), _filters()
    blocks = [windows[first : first + _BLOCK] for first in range(0, len(windows), _BLOCK)]
    bands = np.concatenate([np.abs(rfft(block * hann, axis=1)).astype(np.float32) @ filters for block in blocks])
    level = np.log(np.maximum(bands, _FLOOR * float(bands.max(initial=1e-6))))
    rise = np.maximum(level[_LAG:] - level[:-_LAG], 0).mean(axis=1)
    # A window meets an attack half its length before its centre does: the lag makes up for it.
    return np.concatenate([np.zeros(_LAG), rise]).astype(np.float64)


def _filters() -> NDArray[np.float32]:
    """Bands of equal width in mel, shape (_FFT // 2 + 1, _BANDS)."""
    frequencies = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
    mel = 2595 * np.log10(1 + frequencies / 700)
    edges = np.linspace(mel[2], mel[-1], _BANDS + 2)
    rising = (mel[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - mel[:, None]) / (edges[2:] - edges[1:-1])
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None), np.float32)
