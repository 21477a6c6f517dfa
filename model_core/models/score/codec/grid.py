"""Latent frames of the score model: two beats each, and what the flow is told about their place in the piece."""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.encoders.minilm import TEXT_DIM
from model_core.models.score.codec.score import BEATS_PER_BAR, STEPS_PER_BEAT
from model_core.plan.plan import HEADER_DIM

BEATS_PER_FRAME: Final = 2
CURVE_CHANNELS: Final = BEATS_PER_FRAME * STEPS_PER_BEAT
GRID_CHANNELS: Final = BEATS_PER_FRAME * (BEATS_PER_BAR + 2)
_RAMP_BEATS: Final = 16.0


def frames_of(beats: torch.Tensor) -> torch.Tensor:
    """Values a beat (..., N, C) as frames (..., BEATS_PER_FRAME * C, N / BEATS_PER_FRAME), channels first."""
    *batch, count, channels = beats.shape
    return beats.reshape(*batch, count // BEATS_PER_FRAME, BEATS_PER_FRAME * channels).transpose(-1, -2)


def beats_of(frames: torch.Tensor) -> torch.Tensor:
    """The inverse of frames_of: (..., BEATS_PER_FRAME * C, F) as (..., BEATS_PER_FRAME * F, C)."""
    *batch, channels, count = frames.shape
    return frames.transpose(-1, -2).reshape(*batch, count * BEATS_PER_FRAME, channels // BEATS_PER_FRAME)


def grid_condition(beat_in_bar: NDArray[np.int8], last_beat: int | None = None) -> torch.Tensor:
    """Place of each beat, shape (GRID_CHANNELS, N / BEATS_PER_FRAME): beat in the bar as one-hot, and how near the
    piece's start and end are (0 at the end, 1 from sixteen beats on).

    Args:
        beat_in_bar: shape (N,), 0..3, N even.
        last_beat: number of beats until the piece ends, N unless given (beats after it are padding).
    """
    count = len(beat_in_bar)
    beat = np.arange(count)
    end = count if last_beat is None else last_beat
    to_end = np.clip((end - beat) / _RAMP_BEATS, 0, 1)
    from_start = np.clip(beat / _RAMP_BEATS, 0, 1)
    one_hot = np.eye(BEATS_PER_BAR)[beat_in_bar]
    values = np.concatenate([one_hot, to_end[:, None], from_start[:, None]], axis=1)
    return frames_of(torch.from_numpy(values.astype(np.float32)))


def curve_frames(step_values: NDArray[np.float64]) -> torch.Tensor:
    """Curve values at the steps, shape (T,), as frames (CURVE_CHANNELS, T / CURVE_CHANNELS)."""
    return torch.from_numpy(step_values.reshape(-1, CURVE_CHANNELS).T.astype(np.float32).copy())


GLOBAL_DIM: Final = HEADER_DIM + TEXT_DIM + 1
_POOLED_GAIN: Final = 8.0  # unit vectors of 384 values are small beside the header's ones


def global_vector(header: torch.Tensor, pooled: torch.Tensor, prompted: torch.Tensor) -> torch.Tensor:
    """Global condition, shape (B, GLOBAL_DIM).

    Args:
        header: shape (B, HEADER_DIM).
        pooled: pooled prompt embeddings of unit length, shape (B, TEXT_DIM).
        prompted: whether the prompt is heard, shape (B,), bool; where not, its values are zero.
    """
    heard = prompted[:, None].to(header.dtype)
    return torch.cat([header, pooled * heard * _POOLED_GAIN, heard], dim=1)
