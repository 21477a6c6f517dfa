"""Prompts -> T5Gemma states, as diffusers' Stable Audio 3 pipelines make them."""

from dataclasses import dataclass
from threading import Lock
from typing import Final

import torch
from transformers import PreTrainedTokenizerBase, T5GemmaEncoderModel

MAX_TOKENS: Final = 256


@dataclass(frozen=True)
class TextStates:
    """Encoded prompts: states, shape (B, L, D), and which of them are words, shape (B, L), bool."""

    states: torch.Tensor
    mask: torch.Tensor


class PromptEncoder:
    """A tokenizer and an encoder; the empty prompt is encoded like any other."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, encoder: T5GemmaEncoderModel) -> None:
        self._tokenizer = tokenizer
        self._encoder = encoder
        self._length = min(int(tokenizer.model_max_length), MAX_TOKENS)
        self._reading = Lock()  # a tokenizer serves one thread at a time

    def cuts(self, prompt: str) -> bool:
        """Whether a prompt is longer than what is heard of it."""
        with self._reading:
            return len(self._tokenizer(prompt).input_ids) > self._length

    @torch.no_grad()
    def encode(self, prompts: list[str]) -> TextStates:
        """States of prompts on the encoder's device; what goes past the tokenizer's length is cut off."""
        with self._reading:
            tokens = self._tokenizer(
                prompts, padding="max_length", max_length=self._length, truncation=True, return_tensors="pt"
            ).to(self._encoder.device)
        states = self._encoder(tokens.input_ids, attention_mask=tokens.attention_mask)[0]
        return TextStates(states, tokens.attention_mask.bool())
