"""The prompt planner: embedded prompt -> distribution over headers, style first and the rest given the style."""

from typing import Final

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional

from model_core.codecs.score.header import PROGRAMS, STYLES
from model_core.encoders.minilm import TEXT_DIM

SCALARS: Final = ("bpm", "swing", "energy", "density")
"""Continuous header values, each predicted as a mean and a log standard deviation of its 0..1 form."""


class PromptPlanner(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Two small MLPs over the pooled prompt embedding: one for the style, one for all else."""

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, hidden: int = 192) -> None:
        super().__init__()
        self.style = nn.Sequential(
            nn.Linear(TEXT_DIM, hidden), nn.SiLU(), nn.Dropout(0.2), nn.Linear(hidden, len(STYLES))
        )
        outputs = 1 + 2 * len(SCALARS) + sum(1 + len(choices) for choices in PROGRAMS.values())
        self.rest = nn.Sequential(
            nn.Linear(TEXT_DIM + len(STYLES), hidden), nn.SiLU(), nn.Dropout(0.2), nn.Linear(hidden, outputs)
        )

    def style_logits(self, pooled: torch.Tensor) -> torch.Tensor:
        """Logits over STYLES, shape (B, 8), of pooled prompts (B, TEXT_DIM)."""
        logits: torch.Tensor = self.style(pooled * TEXT_DIM**0.5)
        return logits

    def given_style(self, pooled: torch.Tensor, style: torch.Tensor) -> dict[str, torch.Tensor]:
        """What follows from prompt and style index (B,).

        Returns:
            ``minor``: logit (B, 1); each of SCALARS: mean and log deviation (B, 2); ``<role>``: logit that the role
            plays (B, 1); ``<role>_program``: logits over PROGRAMS[role].
        """
        one_hot = functional.one_hot(style, len(STYLES)).to(pooled.dtype)
        values = self.rest(torch.cat([pooled * TEXT_DIM**0.5, one_hot], dim=1))
        widths = {"minor": 1} | dict.fromkeys(SCALARS, 2)
        for role, choices in PROGRAMS.items():
            widths |= {role: 1, f"{role}_program": len(choices)}
        return dict(zip(widths, values.split(list(widths.values()), dim=1), strict=True))
