"""musicnn music encoder (Pons and Serra, 2019): features at 31.25 Hz, tags, and the network in torch.

The network computes the same as musicnn/models.py in TensorFlow, layer by layer, so that its weights can be used.
"""

from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy.fft import rfft
from torch import Tensor, nn
from torch.nn import functional

from model_core.assets import asset
from model_core.curves.event_curve import EventCurve, event_curve
from model_core.encoders.registry import MUSIC_ENCODERS, EncoderEntry, resample_mono

MELS: Final = 96
FEATURES: Final = 753
TIMBRAL: Final = 408
"""Timbral features, which come first and depend on 0.1 s. 153 rhythmic ones follow, then three times 64 from both."""
TAGS: Final = 50
REACH: Final = 73
"""Frames on either side on which a feature depends: 64 by the longest rhythm filter, 9 by the middle layers."""
TIMBRAL_MELS: Final = (38, 67)
TEMPORAL_FRAMES: Final = (128, 64, 32)
_RHYTHMS: Final = 51
_FRAMES: Final = 7
_MIDDLE: Final = 64
_UNITS: Final = 200
_EPSILON: Final = 1e-3


class _Shapes(nn.Module):
    """Filters over frames and mel bands, and their maximum over the bands."""

    def __init__(self, filters: int, frames: int, mels: int) -> None:
        super().__init__()
        self.padding = (0, 0, (frames - 1) // 2, frames // 2)
        self.convolution = nn.Conv2d(1, filters, (frames, mels))
        self.norm = nn.BatchNorm2d(filters, eps=_EPSILON)

    def forward(self, mel: Tensor, stride: int = 1) -> Tensor:
        """(B, 1, T, MELS) -> (B, filters, T / stride)."""
        weight, bias = self.convolution.weight, self.convolution.bias
        found = functional.conv2d(functional.pad(mel, self.padding), weight, bias, stride=(stride, 1))
        normed: Tensor = self.norm(functional.relu(found))
        return normed.amax(dim=3)


class _Middle(nn.Module):
    """A convolution over seven frames."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inputs, _MIDDLE, _FRAMES, padding=_FRAMES // 2)
        self.norm = nn.BatchNorm1d(_MIDDLE, eps=_EPSILON)

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, T) -> (B, 64, T)."""
        found: Tensor = self.norm(functional.relu(self.convolution(features)))
        return found


class MusicnnNetwork(nn.Module):
    """Network for inference; call ``.eval()`` first, so that batch normalization uses its trained statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1, eps=_EPSILON)
        self.timbral = nn.ModuleList(_Shapes(TIMBRAL // 2, _FRAMES, mels) for mels in TIMBRAL_MELS)
        self.temporal = nn.ModuleList(_Shapes(_RHYTHMS, frames, 1) for frames in TEMPORAL_FRAMES)
        front = TIMBRAL + len(TEMPORAL_FRAMES) * _RHYTHMS
        self.middle = nn.ModuleList([_Middle(front), _Middle(_MIDDLE), _Middle(_MIDDLE)])
        self.pooled_norm = nn.BatchNorm1d(2 * FEATURES, eps=_EPSILON)
        self.dense = nn.Linear(2 * FEATURES, _UNITS)
        self.dense_norm = nn.BatchNorm1d(_UNITS, eps=_EPSILON)
        self.output = nn.Linear(_UNITS, TAGS)

    def features(self, mel: Tensor) -> Tensor:
        """Compute the features of each frame, shape (B, T, FEATURES).

        Args:
            mel: log10(10000 * mel power + 1), shape (B, T, MELS); padded with the average beyond its ends.
        """
        normed = self.norm(mel[:, None])
        front = torch.cat([block(normed) for block in (*self.timbral, *self.temporal)], dim=1)
        first = self.middle[0](front)
        second = self.middle[1](first) + first
        third = self.middle[2](second) + second
        return torch.cat([front, first, second, third], dim=1).transpose(1, 2)

    def timbral_features(self, mel: Tensor, stride: int) -> Tensor:
        """Compute only the timbral features of every ``stride``-th frame, shape (B, T / stride, TIMBRAL)."""
        normed = self.norm(mel[:, None])
        return torch.cat([block(normed, stride) for block in self.timbral], dim=1).transpose(1, 2)

    def tags(self, features: Tensor) -> Tensor:
        """Probability of each tag of an excerpt, shape (B, TAGS), from its features (B, T, FEATURES)."""
        # Maximum and mean of a feature alternate, which is the order of flattening in TensorFlow.
        pooled = torch.stack([features.amax(dim=1), features.mean(dim=1)], dim=2).flatten(1)
        hidden = self.dense_norm(functional.relu(self.dense(self.pooled_norm(pooled))))
        return torch.sigmoid(self.output(hidden))


SHIPPED: Final = "musicnn/mtt_musicnn.safetensors"
SAMPLE_RATE: Final = 16000
TAG_NAMES: Final = (
    "guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast", "piano", "ambient",
    "beat", "violin", "vocal", "synth", "female", "indian", "opera", "male", "singing", "vocals", "no vocals",
    "harpsichord", "loud", "quiet", "flute", "woman", "male vocal", "no vocal", "pop", "soft", "sitar", "solo", "man",
    "classic", "choir", "voice", "new age", "dance", "male voice", "female vocal", "beats", "harp", "cello",
    "no voice", "weird", "country", "metal", "female voice", "choral",
)  # fmt: skip
"""MagnaTagATune's fifty, in the order of the network's output."""
_FFT: Final = 512
_HOP: Final = 256
_STRIDE: Final = 2  # frames that are averaged into one feature
_BLOCK: Final = 1024  # frames per run: limits the memory of long music to about 100 MB
_MARGIN: Final = 4  # reach of the timbral filters on either side in frames, and one more
_PATCH: Final = 187  # frames of an excerpt as in training, three seconds
_CONSTANT: Final = 25.0
_POOL: Final = 5  # features on either side: 0.16 s
_WINDOW_S: Final = 0.2
_STD_FLOOR: Final = 0.01


class Musicnn:
    """musicnn trained on MagnaTagATune. Loads in milliseconds; deterministic."""

    name: Final = "musicnn"

    def __init__(self, path: Path | None = None) -> None:
        """Load weights written by scripts/export_musicnn.py; the shipped ones by default."""
        self._network = MusicnnNetwork().eval().requires_grad_(False)
        self._network.load_state_dict(load_file(path or asset(SHIPPED)))

    def embed(self, audio: NDArray[np.float32], sample_rate: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Features of mono (N,) or multi-channel (C, N) audio.

        Returns:
            Features, shape (T, 753), and the time of each one's center in seconds, shape (T,), 31.25 a second.
        """
        mel = log_mel(audio, sample_rate)
        mel = np.pad(mel, ((0, -len(mel) % _STRIDE), (0, 0)), mode="edge")
        # The frames at the ends are repeated over the reach of the filters: an end is not an event.
        context = torch.from_numpy(np.pad(mel, ((REACH, REACH), (0, 0)), mode="edge"))
        features = np.empty((len(mel) // _STRIDE, FEATURES), np.float32)
        for start in range(0, len(mel), _BLOCK):
            found = self._network.features(context[None, start : start + _BLOCK + 2 * REACH])[0, REACH:-REACH]
            first = start // _STRIDE
            features[first : first + len(found) // _STRIDE] = found.reshape(-1, _STRIDE, FEATURES).mean(dim=1).numpy()
        return features, (_STRIDE * np.arange(len(features)) + (_STRIDE - 1) / 2) * _HOP / SAMPLE_RATE

    def timbral(self, audio: NDArray[np.float32], sample_rate: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Only the timbral features, shape (T, 408), and their times; a quarter of the work of embed."""
        mel = log_mel(audio, sample_rate)
        context = torch.from_numpy(np.pad(mel, ((_MARGIN, _MARGIN), (0, 0)), mode="edge"))
        found = []
        for start in range(0, len(mel), _BLOCK):
            block = self._network.timbral_features(context[None, start : start + _BLOCK + 2 * _MARGIN], _STRIDE)
            found.append(block[0, _MARGIN // _STRIDE : -_MARGIN // _STRIDE].numpy())
        features: NDArray[np.float32] = np.concatenate(found)
        return features, _STRIDE * np.arange(len(features)) * _HOP / SAMPLE_RATE

    def tags(self, audio: NDArray[np.float32], sample_rate: int) -> dict[str, float]:
        """Probability of each of TAG_NAMES, averaged over excerpts of three seconds; shorter audio is repeated."""
        mel = log_mel(audio, sample_rate)
        mel = np.resize(mel, (max(len(mel) // _PATCH, 1) * _PATCH, MELS))
        patches = torch.from_numpy(mel.reshape(-1, _PATCH, MELS))
        found = torch.stack([self._network.tags(self._network.features(patch[None]))[0] for patch in patches])
        return dict(zip(TAG_NAMES, found.mean(dim=0).tolist(), strict=True))

    def curve(self, audio: NDArray[np.float32], sample_rate: int) -> EventCurve:
        """Event curve of music, mono (N,) or (C, N): 31.25 values a second, smoothed over 0.2 s.

        Only the timbral features are compared, since the others depend on a second before and after, or on rhythm. A
        constant as large as the features of usual music is appended, so that the angle also tells loud from soft.
        """
        features, times = self.timbral(audio, sample_rate)
        constant = np.full((len(features), 1), _CONSTANT, np.float32)
        compared = np.concatenate([features, constant], axis=1)
        return event_curve(compared, times, self.name, pool=_POOL, window=_WINDOW_S, std_floor=_STD_FLOOR)


def log_mel(audio: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Input of the network: log10(10000 * power + 1) of 96 mel bands, 62.5 per second, of mono (N,) or (C, N) audio."""
    mono = resample_mono(audio, sample_rate, SAMPLE_RATE)
    frames = 1 + len(mono) // _HOP
    mono = np.pad(mono, (0, max(0, _FFT - len(mono))))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(mono, _FFT // 2, mode="reflect"), _FFT)[::_HOP]
    hann = np.hanning(_FFT + 1)[:-1].astype(np.float32)
    bands = mel_bands()
    mel = np.empty((frames, MELS), np.float32)
    for at in range(0, frames, _BLOCK):
        power = np.abs(rfft(windows[at : min(at + _BLOCK, frames)] * hann, axis=1)) ** 2
        mel[at : at + _BLOCK] = np.log10(10000 * (power @ bands) + 1)
    return mel


def mel_bands() -> NDArray[np.float32]:
    """Triangles of unit area on Slaney's mel scale, librosa's default for 16 kHz, shape (257, 96)."""
    # Linear up to 1 kHz (mel 15), logarithmic above: 6.4 times the frequency in 27 mels.
    mels = np.linspace(0, 15 + 27 * np.log(SAMPLE_RATE / 2 / 1000) / np.log(6.4), MELS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    low, mid, high = edges[:-2], edges[1:-1], edges[2:]
    frequencies = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)[:, None]
    triangles = np.minimum((frequencies - low) / (mid - low), (high - frequencies) / (high - mid))
    return np.asarray(np.clip(triangles, 0, None) * 2 / (high - low), np.float32)


MUSIC_ENCODERS.register(Musicnn.name, EncoderEntry(lambda weights, device: Musicnn()))
