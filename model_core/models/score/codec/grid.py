"""Latent frames of the score model, of two beats each, and its conditions: position in the piece, curve, header."""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.encoders.minilm import TEXT_DIM
from model_core.models.score.codec.score import BEATS_PER_BAR, STEPS_PER_BEAT
from model_core.plan.plan import HEADER_DIM, VOCABULARY, Vocabulary

BEATS_PER_FRAME: Final = 2
CURVE_CHANNELS: Final = BEATS_PER_FRAME * STEPS_PER_BEAT
GRID_CHANNELS: Final = BEATS_PER_FRAME * (BEATS_PER_BAR + 2)
_RAMP_BEATS: Final = 16.0


def beats_to_frames(beats: torch.Tensor) -> torch.Tensor:
    """Convert values per beat (..., N, C) to frames (..., BEATS_PER_FRAME * C, N / BEATS_PER_FRAME), channels first."""
    *batch, count, channels = beats.shape
    return beats.reshape(*batch, count // BEATS_PER_FRAME, BEATS_PER_FRAME * channels).transpose(-1, -2)


def frames_to_beats(frames: torch.Tensor) -> torch.Tensor:
    """Inverse of beats_to_frames: (..., BEATS_PER_FRAME * C, F) -> (..., BEATS_PER_FRAME * F, C)."""
    *batch, channels, count = frames.shape
    return frames.transpose(-1, -2).reshape(*batch, count * BEATS_PER_FRAME, channels // BEATS_PER_FRAME)


def build_grid_condition(beat_in_bar: NDArray[np.int8], last_beat: int | None = None) -> torch.Tensor:
    """Position of each beat, shape (GRID_CHANNELS, N / BEATS_PER_FRAME).

    These are the beat in the bar, one-hot, and the distances to the end and from the start of the piece, which rise
    from 0 to 1 within sixteen beats.

    Args:
        beat_in_bar: shape (N,), 0..3, N even.
        last_beat: number of beats until the end of the piece, N by default; beats after it are padding.
    """
    count = len(beat_in_bar)
    beat = np.arange(count)
    end = count if last_beat is None else last_beat
    to_end = np.clip((end - beat) / _RAMP_BEATS, 0, 1)
    from_start = np.clip(beat / _RAMP_BEATS, 0, 1)
    one_hot = np.eye(BEATS_PER_BAR)[beat_in_bar]
    values = np.concatenate([one_hot, to_end[:, None], from_start[:, None]], axis=1)
    return beats_to_frames(torch.from_numpy(values.astype(np.float32)))


def curve_to_frames(step_values: NDArray[np.float64]) -> torch.Tensor:
    """Convert curve values at the steps, shape (T,), to frames (CURVE_CHANNELS, T / CURVE_CHANNELS)."""
    return torch.from_numpy(step_values.reshape(-1, CURVE_CHANNELS).T.astype(np.float32).copy())


GLOBAL_DIM: Final = HEADER_DIM + TEXT_DIM + 1
_POOLED_GAIN: Final = 8.0  # values of unit vectors of length 384 are small beside those of the header


def build_global_vector(header: torch.Tensor, pooled: torch.Tensor, prompted: torch.Tensor) -> torch.Tensor:
    """Join header and prompt to the global condition, shape (B, GLOBAL_DIM).

    Args:
        header: header vectors, shape (B, HEADER_DIM).
        pooled: pooled prompt embeddings of unit length, shape (B, TEXT_DIM).
        prompted: True where the prompt is used, shape (B,), bool; elsewhere its values are zero.
    """
    flag = prompted[:, None].to(header.dtype)
    return torch.cat([header, pooled * flag * _POOLED_GAIN, flag], dim=1)


def without_style_and_mode(headers: torch.Tensor, vocabulary: Vocabulary = VOCABULARY) -> torch.Tensor:
    """Replace style and mode of headers by unknown: an equal share of every style, and a mode between minor and major.

    Training does this to some examples, so that sampling can guide away from this null.

    Args:
        headers: vectors of Header.vector, shape (B, vocabulary.dimension).
        vocabulary: vocabulary of the headers.
    """
    styles = len(vocabulary.styles)
    hidden = headers.clone()
    hidden[:, :styles] = 1 / styles
    hidden[:, vocabulary.mode_column] = 0
    return hidden
