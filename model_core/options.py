"""Options, limits, stages and model identity of one score. Torch-free."""

import unicodedata
from collections.abc import Callable
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from model_core.errors import InputError

PROMPT_MAX_CHARS: Final = 1000
STAGES: Final = ("probe", "curve", "plan", "generate", "render", "mux")

ProgressCallback = Callable[[str, float], None]
"""Called as (stage, fraction of that stage in 0..1); may raise CanceledError to stop the work."""

_WHITE_SPACE: Final = frozenset("\t\n\r")
# They change the order in which the text around them is displayed.
_BIDI_CONTROLS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def remove_control_characters(text: str) -> str:
    """The text without control characters and bidirectional overrides. Tabs and newlines stay."""
    return "".join(
        char
        for char in text
        if char in _WHITE_SPACE or not (char in _BIDI_CONTROLS or unicodedata.category(char) == "Cc")
    )


class ScoreOptions(BaseModel):
    """Options of a score. The model chooses the value of every option that is missing or null, except `seed`.

    Unknown options are rejected. A job fails with the error code `not_supported` if its model does not support an
    option.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(
        default=0,
        ge=0,
        lt=2**31,
        description="Random seed. The same video, prompt, options and seed give the same music.",
        examples=[7],
    )
    steps: int | None = Field(
        default=None,
        ge=4,
        le=100,
        description="Number of sampling steps. More steps take longer.",
        examples=[20],
    )
    text_guidance: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="Guidance scale of the prompt. 0 ignores the prompt, 1 follows it without guidance, higher values "
        "follow it more closely.",
        examples=[3.0],
    )
    curve_guidance: float | None = Field(
        default=None,
        ge=0,
        le=12,
        description="Guidance scale of the video's event curve. 0 ignores the curve, 1 follows it without guidance, "
        "higher values follow it more closely.",
        examples=[4.0],
    )
    negative_prompt: Annotated[str, AfterValidator(remove_control_characters)] | None = Field(
        default=None,
        max_length=PROMPT_MAX_CHARS,
        description="What the music should not contain. Audio models only; needs a `text_guidance` other than 1.",
        examples=["vocals, distortion"],
    )
    sync: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="How much the tempo may change to meet the strongest events: 0 keeps it constant, 1 allows up to "
        "4 %. Score models only.",
        examples=[0.5],
    )
    redraws: int | None = Field(
        default=None,
        ge=0,
        le=3,
        description="How many times to retry the bars around missed events. Score models only.",
        examples=[2],
    )


def check_supported(options: ScoreOptions, unsupported: frozenset[str]) -> None:
    """InputError for an option that is given and that the model, whose ``unsupported`` options these are, lacks."""
    for name, value in options:
        given = bool(value.strip()) if isinstance(value, str) else value is not None
        if given and name in unsupported:
            raise InputError(name, "this model does not support it. Remove it.", "not_supported")


class ModelInfo(BaseModel):
    """The model that creates, or created, a score."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="Name of the model.")
    version: str = Field(description="Version of the model.")
    kind: str = Field(description="`embedded-score` for models that write notes, `stable-audio-3` for audio models.")
    licence: str = Field(description="License of the weights, as an SPDX identifier.")
    base: str | None = Field(default=None, description="The model that this one was trained from, if any.")

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"


def check_prompt(prompt: str) -> str:
    """The prompt without surrounding white space and control characters.

    InputError if it is longer than PROMPT_MAX_CHARS or contains a lone surrogate: half a character, which stands for a
    byte that was not text and cannot be encoded.
    """
    if len(prompt) > PROMPT_MAX_CHARS:
        raise InputError(
            "prompt", f"The prompt has {len(prompt)} characters; the limit is {PROMPT_MAX_CHARS}.", "too_long"
        )
    try:
        prompt.encode()
    except UnicodeEncodeError:
        raise InputError(
            "prompt", "The prompt is not valid Unicode text. Send it as UTF-8.", "invalid_request"
        ) from None
    return remove_control_characters(prompt).strip()
