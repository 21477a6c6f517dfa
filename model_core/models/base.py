"""What a model has to do to score a video, whichever it is."""

from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve
from model_core.curves.video import FrameEncoder
from model_core.errors import InputError
from model_core.models.score.codec.notes import Note
from model_core.options import ModelInfo, ProgressCallback, ScoreOptions
from model_core.plan.plan import Plan


@dataclass(frozen=True)
class Written:
    """What a model that writes notes has written: the notes in seconds, as played, and the plan with its tempo map."""

    notes: list[Note]
    plan: Plan


@dataclass(frozen=True)
class Performance:
    """What a model made of a curve and a prompt.

    Attributes:
        audio: as it left the model, before loudness is set, shape (2, N), as long as the video.
        sample_rate: Hz.
        music: what there is to tell of the music, ready for JSON.
        options: with which it was made, the model's own defaults filled in, ready for JSON.
        written: for models that write notes.
        hit_points: seconds of the events that the plan bends its tempo to.
        curve_window_s: width of the window through which the model saw the curve; 0 = as sharp as it is.
    """

    audio: NDArray[np.float32]
    sample_rate: int
    music: dict[str, Any]
    options: dict[str, Any]
    written: Written | None = None
    hit_points: list[float] = field(default_factory=list)
    curve_window_s: float = 0.0


class Musician(Protocol):
    """A loaded model; plays one score at a time."""

    info: ModelInfo
    pictures: FrameEncoder

    def check(self, options: ScoreOptions) -> None:
        """InputError for an option that this model has no use for."""
        ...

    def play(
        self, curve: EventCurve, duration: float, prompt: str, options: ScoreOptions, report: ProgressCallback
    ) -> Performance:
        """Make music of ``duration`` seconds; ``report`` is called with the stages plan, generate and render."""
        ...

    def hear(self, audio: NDArray[np.float32], sample_rate: int) -> EventCurve:
        """The event curve of music, (N,) or (C, N), in the measure that this model was trained with or near it."""
        ...


_Settings = TypeVar("_Settings", bound=Any)


def settled(options: ScoreOptions, defaults: _Settings, model: str) -> _Settings:
    """A model's settings: its ``defaults``, a frozen dataclass, with what the options say in their place.

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
