"""What MusicFM takes: the log-mel spectrogram of torchaudio's MelSpectrogram and AmplitudeToDB, 100 frames a second."""

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Final

import torch
from torch import Tensor
from transformers.audio_utils import mel_filter_bank

SAMPLE_RATE: Final = 24000
HOP: Final = 240
FFT: Final = 2048
"""Also the fewest samples that a spectrogram can be made of: its ends are mirrored by half of this."""
_LEAST_POWER: Final = 1e-10  # -100 dB


def log_mel(mels: int, device: torch.device) -> Callable[[Tensor], Tensor]:
    """A function from mono audio (N,) at SAMPLE_RATE to its mel bands in dB, (mels, N // HOP); both on ``device``.

    By torchaudio where it can be imported. It cannot next to a CPU build of torch, so that there the same is made from
    torch.stft; the two differ by less than 0.002 dB.
    """
    torchaudio = _torchaudio()
    spectrogram = _plain(mels, device) if torchaudio is None else _by_torchaudio(torchaudio, mels, device)

    def made(audio: Tensor) -> Tensor:
        # The authors leave out the last frame, whose window hangs half over the end.
        return spectrogram(audio)[:, :-1]

    return made


def _torchaudio() -> ModuleType | None:
    try:
        return import_module("torchaudio")
    except (ImportError, OSError):  # OSError: it is there, and its CUDA libraries are not
        return None


def _by_torchaudio(torchaudio: ModuleType, mels: int, device: torch.device) -> Callable[[Tensor], Tensor]:
    transforms = torchaudio.transforms
    power = transforms.MelSpectrogram(sample_rate=SAMPLE_RATE, n_fft=FFT, hop_length=HOP, n_mels=mels)
    return torch.nn.Sequential(power, transforms.AmplitudeToDB()).to(device)


def _plain(mels: int, device: torch.device) -> Callable[[Tensor], Tensor]:
    filters = mel_filter_bank(FFT // 2 + 1, mels, 0.0, SAMPLE_RATE / 2, SAMPLE_RATE, norm=None, mel_scale="htk")
    bands = torch.from_numpy(filters).to(device, torch.float32).T
    hann = torch.hann_window(FFT, device=device)

    def made(audio: Tensor) -> Tensor:
        spectrum = torch.stft(audio, FFT, HOP, window=hann, center=True, pad_mode="reflect", return_complex=True)
        return 10 * torch.log10((bands @ spectrum.abs() ** 2).clamp(min=_LEAST_POWER))

    return made
