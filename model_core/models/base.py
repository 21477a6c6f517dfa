"""Protocols of models: MusicModel generates music for an event curve, Codec converts its latents to sound."""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve
from model_core.curves.video import FrameEncoder
from model_core.errors import InputError
from model_core.options import ModelInfo, ProgressCallback, ScoreOptions
from model_core.plan.plan import Plan

PlanT_contra = TypeVar("PlanT_contra", bound=Plan, contravariant=True)


class Codec(Protocol[PlanT_contra]):
    """Conversion between latents and sound. Only the codec knows the times of the latent frames."""

    def frame_edges(self, plan: PlanT_contra) -> NDArray[np.float64]:
        """Edges of the F latent frames of a piece in seconds, shape (F + 1,): all starts and the last end."""
        ...


class Notation(Protocol):
    """Notes of a piece: an optional result, of models that write notes."""

    def write_midi(self, path: Path) -> None:
        """Write a standard MIDI file whose tempo map keeps the video's time."""
        ...


@dataclass(frozen=True)
class GeneratedMusic:
    """Music that a model generated.

    Attributes:
        audio: before loudness normalization, shape (2, N), as long as the video.
        sample_rate: Hz.
        music: description of the music for the report, ready for JSON.
        options: options in effect, with the model's own defaults filled in, ready for JSON.
        notation: notes, for models that write them.
        hit_points: seconds of the events that the tempo map bends to.
        curve_window_s: width in seconds of the window through which the model saw the curve; 0 = no window.
    """

    audio: NDArray[np.float32]
    sample_rate: int
    music: dict[str, Any]
    options: dict[str, Any]
    notation: Notation | None = None
    hit_points: list[float] = field(default_factory=list)
    curve_window_s: float = 0.0


class MusicModel(Protocol):
    """A loaded model; generates one piece at a time.

    Attributes:
        info: name, version, kind and license.
        picture_encoder: encoder of the frames from which the video's event curve is made.
        uses_gpu: True where generating leaves the processor idle, so that the next video can be analyzed meanwhile.
    """

    info: ModelInfo
    picture_encoder: FrameEncoder
    uses_gpu: bool

    def check_options(self, options: ScoreOptions) -> None:
        """Check options before any work; InputError for an option that this model does not support."""
        ...

    def generate(
        self, curve: EventCurve, duration: float, prompt: str, options: ScoreOptions, report: ProgressCallback
    ) -> GeneratedMusic:
        """Generate music of ``duration`` seconds; ``report`` is called with the stages plan, generate and render."""
        ...

    def music_curve(self, audio: NDArray[np.float32], sample_rate: int) -> EventCurve:
        """Event curve of music, (N,) or (C, N), by the encoder that this model was trained with or one close to it."""
        ...


_Settings = TypeVar("_Settings", bound=Any)


def resolve_options(options: ScoreOptions, defaults: _Settings, model: str) -> _Settings:
    """Settings of one piece: ``defaults``, a frozen dataclass, with the given options in their place.

    Raises:
        InputError: an option is given that the settings do not have.
    """
    given = {name: value for name, value in options if value is not None}
    if not given.get("negative_prompt", "").strip():
        given.pop("negative_prompt", None)
    known = {field.name for field in fields(defaults)}
    for name in given:
        if name not in known:
            raise InputError(name, f"the model {model} does not support it. Remove it.", "not_supported")
    return replace(defaults, **given)
