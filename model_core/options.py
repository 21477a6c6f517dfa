"""Options of a score, its prompt limit and stages, and the description of a model. Torch-free."""

from collections.abc import Callable
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from model_core.errors import InputError

PROMPT_MAX_CHARS: Final = 1000
STAGES: Final = ("probe", "curve", "plan", "generate", "render", "mux")

ProgressCallback = Callable[[str, float], None]
"""Called as (stage, fraction of that stage in 0..1); may raise CanceledError to stop the work."""


class ScoreOptions(BaseModel):
    """Options of one score; None selects the model's own default (docs/models.md).

    Unknown names are refused, so that a typing error is not ignored. A model refuses options that it does not support.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(
        default=0, ge=0, lt=2**31, description="The same input and seed give the same score.", examples=[7]
    )
    steps: int | None = Field(
        default=None, ge=4, le=100, description="Steps of the sampler: more take longer.", examples=[20]
    )
    text_guidance: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="Guidance scale of the prompt, a factor: 0 leaves it out, 1 is plain, more exaggerates it.",
        examples=[3.0],
    )
    curve_guidance: float | None = Field(
        default=None,
        ge=0,
        le=12,
        description="Guidance scale of the video's event curve, a factor, in the same way.",
        examples=[4.0],
    )
    negative_prompt: str | None = Field(
        default=None,
        max_length=PROMPT_MAX_CHARS,
        description="What the music should not be; for audio models, with a text_guidance other than 1.",
        examples=["vocals, distortion"],
    )
    sync: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="How freely the tempo bends to meet the strongest events, as a share: 0 not at all, 1 by at most "
        "4 % of the tempo; for score models.",
        examples=[0.5],
    )
    redraws: int | None = Field(
        default=None,
        ge=0,
        le=3,
        description="How often the bars around events that were missed are drawn again, at most; for score models.",
        examples=[2],
    )


class ModelInfo(BaseModel):
    """Description of a model, for reports, logs and the API.

    Attributes:
        name, version: name and version of the model.
        kind: ``embedded-score`` or ``stable-audio-3``.
        licence: license of its weights, as an SPDX identifier.
        base: checkpoint that it was made from, if any.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    kind: str
    licence: str
    base: str | None = None

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"


def check_prompt(prompt: str) -> str:
    """Return the prompt without outer white space.

    Raises:
        InputError: it is longer than PROMPT_MAX_CHARS, or contains a lone surrogate, which stands for a byte that could
            not be decoded.
    """
    if len(prompt) > PROMPT_MAX_CHARS:
        raise InputError("prompt", f"is {len(prompt)} characters long; the limit is {PROMPT_MAX_CHARS}", "too_long")
    try:
        prompt.encode()
    except UnicodeEncodeError:
        raise InputError("prompt", "contains text that is not valid Unicode", "invalid_request") from None
    return prompt.strip()
