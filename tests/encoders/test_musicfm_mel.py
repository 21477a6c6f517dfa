"""MusicFM's log-mel spectrogram against its definitions in NumPy, and against torchaudio where that imports."""

import importlib.util

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model_core.encoders.musicfm_network import FFT, HOP, SAMPLE_RATE, _by_stft, _by_torchaudio, _torchaudio, log_mel

Floats = NDArray[np.float64]


def music(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Decaying tones that are never the same twice, over soft noise, at SAMPLE_RATE."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    audio = 0.001 * rng.normal(size=len(time))
    for start in np.arange(0, seconds, 0.25):
        since = time[(time >= start) & (time < start + 1)] - start
        first = int(np.searchsorted(time, start))
        audio[first : first + len(since)] += (
            0.2 * np.exp(-8 * since) * np.sin(2 * np.pi * rng.uniform(90, 4000) * since)
        )
    return audio.astype(np.float32)


def expected_mel(audio: NDArray[np.float32], mels: int) -> Floats:
    """Log-mel in dB, (mels, N // HOP), by the definitions: HTK's mel scale, triangles in Hz, Hann, mirrored ends."""
    tops = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, tops, mels + 2) / 2595) - 1)
    bins = np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT
    bands = np.stack([
        np.interp(bins, edges[band : band + 3], [0, 1, 0], left=0, right=0) for band in range(mels)
    ])  # fmt: skip
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)
    padded = np.pad(audio.astype(np.float64), FFT // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP]
    power = np.abs(np.fft.rfft(windows * hann, axis=1)) ** 2 @ bands.T
    return 10 * np.log10(np.maximum(power, 1e-10)).T[:, :-1]


@pytest.mark.parametrize("mels", [128, 16])
def test_the_mel_spectrum_is_what_numpy_computes(mels: int) -> None:
    audio = music(3.0)[:-7]
    found = log_mel(mels, torch.device("cpu"))(torch.from_numpy(audio)).numpy()
    assert found.shape == (mels, len(audio) // HOP)
    np.testing.assert_allclose(found, expected_mel(audio, mels), atol=2e-3)
    silence = log_mel(mels, torch.device("cpu"))(torch.zeros(FFT)).numpy()
    np.testing.assert_allclose(silence, -100.0, atol=1e-4)


def test_the_mel_spectrum_is_torchaudios() -> None:
    if (torchaudio := _torchaudio()) is None:
        there = importlib.util.find_spec("torchaudio") is not None
        pytest.skip(f"torchaudio {'does not import next to this build of torch' if there else 'is not installed'}")
    audio, device = torch.from_numpy(music(3.0)), torch.device("cpu")
    theirs, ours = _by_torchaudio(torchaudio, 128, device)(audio), _by_stft(128, device)(audio)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=2e-3)
