"""Manifest of an audio model: its use of the event curve, its windows and its sampling defaults. Torch-free."""

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from model_core.models.folder.manifest import Manifest, Section, Text

AUDIO_KIND: Final = "stable-audio-3"


class AudioCurve(Section):
    """Use of the event curve.

    Attributes:
        hann_window_s: width of the window that curves are smoothed with, see frame_curve.
        trained: True when the weights are trained to follow the curve; before that it has no effect.
    """

    hann_window_s: float = Field(gt=0, le=10)
    trained: bool


class Windows(Section):
    """Windows in which music longer than the model can generate at once is continued; all in seconds.

    Attributes:
        longest_s: longest music that the model generates at once.
        context_s: existing music that a continuation is conditioned on.
        ending_s: end of a window that is discarded before the next one continues, since the model ends its music there.
    """

    longest_s: float = Field(gt=0)
    context_s: float = Field(gt=0)
    ending_s: float = Field(ge=0)

    @model_validator(mode="after")
    def _go_on(self) -> Self:
        if self.context_s + self.ending_s >= self.longest_s:
            raise ValueError("context_s and ending_s leave nothing of longest_s for new music")
        return self


class SamplingDefaults(Section):
    """Defaults of the options; see ScoreOptions."""

    steps: int = Field(ge=4, le=100)
    text_guidance: float = Field(ge=0, le=10)
    curve_guidance: float = Field(ge=0, le=12)


class AudioManifest(Manifest):
    """v2m.json of an audio model: Stable Audio 3 with the curve as one more input.

    Attributes:
        base: checkpoint that it was made from, for reports.
    """

    kind: Literal["stable-audio-3"] = AUDIO_KIND
    base: Text
    curve: AudioCurve
    windows: Windows
    defaults: SamplingDefaults
