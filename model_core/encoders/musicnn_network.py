"""The network of musicnn (Pons and Serra, 2019) in torch: log-mel frames -> features of each frame -> tags.

Layer for layer what TensorFlow computes in musicnn/models.py, so that its trained weights can be used as they are.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

MELS: Final = 96
FEATURES: Final = 753
TIMBRAL: Final = 408
"""The first of them: what sounds within 0.1 s. Then come 153 of rhythm, and three times 64 made from both."""
TAGS: Final = 50
REACH: Final = 73
"""Frames on either side that a frame's features depend on: 64 of the longest rhythm filter, 9 of the middle."""
TIMBRAL_MELS: Final = (38, 67)
TEMPORAL_FRAMES: Final = (128, 64, 32)
_RHYTHMS: Final = 51
_FRAMES: Final = 7
_MIDDLE: Final = 64
_UNITS: Final = 200
_EPSILON: Final = 1e-3


class _Shapes(nn.Module):
    """Filters over frames and mel bands, and the highest answer over the bands."""

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
    """For inference: batch normalisation uses what it learnt only after `.eval()`."""

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
        """Features of each frame, shape (B, T, FEATURES).

        Args:
            mel: log10(10000 * mel power + 1), shape (B, T, MELS). What lies beyond its ends counts as average.
        """
        normed = self.norm(mel[:, None])
        front = torch.cat([block(normed) for block in (*self.timbral, *self.temporal)], dim=1)
        first = self.middle[0](front)
        second = self.middle[1](first) + first
        third = self.middle[2](second) + second
        return torch.cat([front, first, second, third], dim=1).transpose(1, 2)

    def timbral_features(self, mel: Tensor, stride: int) -> Tensor:
        """The first TIMBRAL features alone, of every ``stride``-th frame, shape (B, T / stride, TIMBRAL)."""
        normed = self.norm(mel[:, None])
        return torch.cat([block(normed, stride) for block in self.timbral], dim=1).transpose(1, 2)

    def tags(self, features: Tensor) -> Tensor:
        """Probability of each tag in a stretch of music, shape (B, TAGS), from its features (B, T, FEATURES)."""
        # A feature's maximum and mean lie side by side, as flattening put them in TensorFlow.
        pooled = torch.stack([features.amax(dim=1), features.mean(dim=1)], dim=2).flatten(1)
        hidden = self.dense_norm(functional.relu(self.dense(self.pooled_norm(pooled))))
        return torch.sigmoid(self.output(hidden))
