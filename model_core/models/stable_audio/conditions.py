"""Text, duration, kept latents and curve as Stable Audio 3's transformer takes them."""

import torch
from diffusers import StableAudio3DurationEmbedder

from model_core.flow.conditioning import Condition, inpainting_channels
from model_core.models.stable_audio.text import TextStates


def conditioned(
    embedder: StableAudio3DurationEmbedder,
    text: TextStates,
    seconds: torch.Tensor,
    local: torch.Tensor | None,
    curve: torch.Tensor | None,
) -> Condition:
    """Conditions of B pieces: the duration steers AdaLN, and is one more token after the text's.

    Args:
        embedder: seconds to a vector.
        text: of B prompts.
        seconds: durations, shape (B,).
        local: inpainting channels, shape (B, 1 + C, F); None for plain text-to-audio, see Condition.
        curve: with its flag, shape (B, 2, F); None for plain text-to-audio.
    """
    duration = embedder(seconds.to(text.states.device)).to(text.states.dtype)
    return Condition(
        text=torch.cat([text.states, duration[:, None]], dim=1),
        text_mask=torch.cat([text.mask, text.mask.new_ones(len(text.mask), 1)], dim=1),
        global_vector=duration,
        local=local,
        curve=curve,
    )


def continued(latents: torch.Tensor, known: int) -> torch.Tensor:
    """Inpainting channels, shape (B, 1 + C, F), for latents (B, C, F) of which the first ``known`` frames are given."""
    keep = torch.zeros(latents.shape[0], latents.shape[2], dtype=torch.bool, device=latents.device)
    keep[:, :known] = True
    return inpainting_channels(latents, keep)
