"""The production model: Stable Audio 3 with the event curve as one more input.

This file has its manifest, the settings of `v2m model init`, and its registration, and is torch-free.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

from pydantic import Field, model_validator

from model_core.errors import ModelError
from model_core.models.folder.manifest import Manifest, Section, Text
from model_core.models.registry import MODEL_KINDS, ModelKind
from model_core.runtime import Runtime

if TYPE_CHECKING:
    from model_core.curves.video import FrameEncoder
    from model_core.models.base import MusicModel

AUDIO_KIND: Final = "stable-audio-3"


class AudioCurve(Section):
    """Use of the event curve.

    Attributes:
        hann_window_s: width of the window that smooths curves, see frame_curve.
        trained: True when the weights are trained to follow the curve; before that it has no effect.
    """

    hann_window_s: float = Field(gt=0, le=10)
    trained: bool


class Windows(Section):
    """Windows for music longer than the model can generate at once; all in seconds.

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
            raise ValueError("context_s and ending_s leave no part of longest_s for new music")
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


@dataclass(frozen=True)
class InitSettings:
    """Settings of `v2m model init` for a new model folder.

    Attributes:
        name, version: name and version for reports.
        licence: license of the weights, as an SPDX identifier.
        picture, music: names of the curve's encoders, see encoders/registry.py; by default those of the paper.
        picture_from, music_from: local copies of their weights; None = the published ones.
        hann_window_s: width of the window that smooths curves; 2.44 s as in arXiv 2603.11042, section 3. At that width
            curves show swells and sections, not single frames.
        longest_s: longest music generated at once, in seconds; None = as published for the base's size.
    """

    name: str
    version: str = "0"
    licence: str = "LicenseRef-Stability-AI-Community"
    picture: str = "dinov2-large"
    music: str = "musicfm"
    picture_from: str | None = None
    music_from: str | None = None
    hann_window_s: float = 2.44
    longest_s: float | None = None


def _load(folder: Path | None, runtime: Runtime) -> "MusicModel":
    from model_core.models.stable_audio.model import StableAudioModel

    return StableAudioModel.load(_require_folder(folder), runtime)


def _load_picture_encoder(folder: Path | None, runtime: Runtime) -> "FrameEncoder":
    from model_core.models.stable_audio.model import load_picture_encoder

    return load_picture_encoder(_require_folder(folder), runtime)


def _require_folder(folder: Path | None) -> Path:
    if folder is None:
        raise ModelError("No audio model is shipped with this package. Name a model folder.")
    return folder


MODEL_KINDS.register(
    AUDIO_KIND,
    ModelKind(
        manifest=AudioManifest,
        load=_load,
        load_picture_encoder=_load_picture_encoder,
        unsupported_options=frozenset({"sync", "redraws"}),
        writes_notes=False,
        runs_on_gpu=True,
    ),
)
