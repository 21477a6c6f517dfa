"""Conditions of Stable Audio 3's transformer: T5Gemma states of prompts, duration, kept latents and curve."""

from dataclasses import dataclass
from threading import Lock
from typing import Final

import torch
from diffusers import StableAudio3DurationEmbedder
from transformers import PreTrainedTokenizerBase, T5GemmaEncoderModel

from model_core.flow.conditioning import Condition, inpainting_channels

MAX_TOKENS: Final = 256


@dataclass(frozen=True)
class TextStates:
    """Encoded prompts: states, shape (B, L, D), and a mask that is True for words, shape (B, L), bool."""

    states: torch.Tensor
    mask: torch.Tensor


class PromptEncoder:
    """Tokenizer and text encoder, used as in diffusers' Stable Audio 3 pipelines; an empty prompt is encoded too."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, encoder: T5GemmaEncoderModel) -> None:
        self._tokenizer = tokenizer
        self._encoder = encoder
        self._length = min(int(tokenizer.model_max_length), MAX_TOKENS)
        self._reading = Lock()  # a tokenizer serves one thread at a time

    def is_cut(self, prompt: str) -> bool:
        """Return True when a prompt is longer than the encoder's limit."""
        with self._reading:
            return len(self._tokenizer(prompt).input_ids) > self._length

    @torch.no_grad()
    def encode(self, prompts: list[str]) -> TextStates:
        """Encode prompts on the encoder's device, cut off at the limit."""
        with self._reading:
            tokens = self._tokenizer(
                prompts, padding="max_length", max_length=self._length, truncation=True, return_tensors="pt"
            ).to(self._encoder.device)
        states = self._encoder(tokens.input_ids, attention_mask=tokens.attention_mask)[0]
        return TextStates(states, tokens.attention_mask.bool())


def build_condition(
    embedder: StableAudio3DurationEmbedder,
    text: TextStates,
    seconds: torch.Tensor,
    local: torch.Tensor | None,
    curve: torch.Tensor | None,
) -> Condition:
    """Build the conditions of B pieces. The duration is the input of AdaLN, and one more token after the text.

    Args:
        embedder: embedder of seconds.
        text: states of B prompts.
        seconds: durations, shape (B,).
        local: inpainting channels, shape (B, 1 + C, F); None for plain text-to-audio, see Condition.
        curve: event curve and flag, shape (B, 2, F); None for plain text-to-audio.
    """
    duration = embedder(seconds.to(text.states.device)).to(text.states.dtype)
    return Condition(
        text=torch.cat([text.states, duration[:, None]], dim=1),
        text_mask=torch.cat([text.mask, text.mask.new_ones(len(text.mask), 1)], dim=1),
        global_vector=duration,
        local=local,
        curve=curve,
    )


def continuation_channels(latents: torch.Tensor, known: int) -> torch.Tensor:
    """Inpainting channels (B, 1 + C, F) for latents (B, C, F) of which the first ``known`` frames are given."""
    keep = torch.zeros(latents.shape[0], latents.shape[2], dtype=torch.bool, device=latents.device)
    keep[:, :known] = True
    return inpainting_channels(latents, keep)
