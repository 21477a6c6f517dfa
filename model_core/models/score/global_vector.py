"""Prompt and header as the flow takes them: word-level tokens and one global vector."""

from typing import Final

import torch

from model_core.encoders.minilm import TEXT_DIM
from model_core.plan.header import HEADER_DIM
from model_core.plan.vocabulary import VOCABULARY, Vocabulary

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


def without_style_and_mode(headers: torch.Tensor, vocabulary: Vocabulary = VOCABULARY) -> torch.Tensor:
    """Headers with style and mode unknown: the same share of every style, and a mode between minor and major.

    Training hides them now and then, so that sampling can guide away from this null.

    Args:
        headers: vectors of Header.vector, shape (B, vocabulary.dimension).
        vocabulary: of the headers.
    """
    styles = len(vocabulary.styles)
    hidden = headers.clone()
    hidden[:, :styles] = 1 / styles
    hidden[:, vocabulary.mode_column] = 0
    return hidden
