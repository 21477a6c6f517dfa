"""Prompt planner: distribution over headers given a prompt, first the style and then the rest given the style."""

from typing import Any, Final

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional

from model_core.encoders.minilm import TEXT_DIM
from model_core.plan.plan import VOCABULARY, Vocabulary

SCALARS: Final = ("bpm", "swing", "energy", "density")
"""Continuous header values, each predicted as a mean and a log standard deviation of its 0..1 form."""


class PromptPlanner(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Two small MLPs over the pooled prompt embedding: one for the style, one for everything else.

    Its configuration contains the vocabulary of the whole model folder.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, hidden: int = 384, vocabulary: dict[str, Any] | None = None) -> None:
        """Create untrained networks; ``vocabulary`` is in its JSON form, by default that of the composer.

        Raises:
            ValueError: the vocabulary is invalid.
        """
        super().__init__()
        if vocabulary is None:
            self.register_to_config(vocabulary=VOCABULARY.as_json())
        self.vocabulary = VOCABULARY if vocabulary is None else Vocabulary.from_json(vocabulary)
        styles = len(self.vocabulary.styles)
        self.style = nn.Sequential(nn.Linear(TEXT_DIM, hidden), nn.SiLU(), nn.Dropout(0.5), nn.Linear(hidden, styles))
        self._widths = self._output_widths()
        self.rest = nn.Sequential(
            nn.Linear(TEXT_DIM + styles, hidden), nn.SiLU(), nn.Dropout(0.5),
            nn.Linear(hidden, sum(self._widths.values())),
        )  # fmt: skip

    def style_logits(self, pooled: torch.Tensor) -> torch.Tensor:
        """Logits over the vocabulary's styles, shape (B, S), of pooled prompts (B, TEXT_DIM)."""
        logits: torch.Tensor = self.style(pooled * TEXT_DIM**0.5)
        return logits

    def predict_header(self, pooled: torch.Tensor, style: torch.Tensor) -> dict[str, torch.Tensor]:
        """Predict the rest of the header from pooled prompts (B, TEXT_DIM) and style indices (B,).

        Returns:
            ``minor``: logit (B, 1); each of SCALARS: mean and log deviation (B, 2); ``meter``: logits (B, M), if
            there is more than one; ``<role>``: logit that the role plays (B, 1); ``<role>_program``: logits over the
            role's programs.
        """
        one_hot = functional.one_hot(style, len(self.vocabulary.styles)).to(pooled.dtype)
        values = self.rest(torch.cat([pooled * TEXT_DIM**0.5, one_hot], dim=1))
        return dict(zip(self._widths, values.split(list(self._widths.values()), dim=1), strict=True))

    def _output_widths(self) -> dict[str, int]:
        widths = {"minor": 1} | dict.fromkeys(SCALARS, 2)
        if len(self.vocabulary.meters) > 1:
            widths["meter"] = len(self.vocabulary.meters)
        for role, choices in self.vocabulary.programs.items():
            widths |= {role: 1, f"{role}_program": len(choices)}
        return widths
