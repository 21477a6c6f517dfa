"""What a worker needs of the method: a look at a video, and the music for it. The tests bring one without torch."""

from pathlib import Path
from typing import Protocol

from jobs.infra.settings import Settings
from model_core.curves.event_curve import EventCurve
from model_core.curves.video import curve_json
from model_core.media import VideoInfo
from model_core.options import ModelInfo, ProgressCallback, ScoreOptions
from model_core.results import Variant, write_curves
from model_core.runtime import Runtime, run_within_memory

Look = tuple[VideoInfo, EventCurve]
"""What is in a video, and its event curve: all that the music is made from."""


class Scorer(Protocol):
    """Makes soundtracks, one at a time. Another thread may look at the next video meanwhile.

    Attributes:
        model: which one makes the music.
        looks_ahead: whether that makes the jobs faster: where scoring leaves the processor idle.
    """

    model: ModelInfo
    looks_ahead: bool

    def look(self, video: Path, prompt: str, options: ScoreOptions, progress: ProgressCallback) -> Look:
        """The first half: the stages probe and curve, which come to the same for every prompt.

        Passes on what ``progress`` raises. InputError when prompt, options (found before the video is opened) or video
        cannot be used; DeviceMemoryError when there is too little memory.
        """
        ...

    def score(
        self, look: Look, video: Path, prompt: str, options: ScoreOptions, out: Path, progress: ProgressCallback
    ) -> dict[str, Path]:
        """The second half, from a look at the same job: writes the artifacts into the folder ``out``, and returns
        them by variant. Raises what ``look`` raises.
        """
        ...


def write_curve(look: Look, out: Path) -> dict[str, Path]:
    """Writes the event curve of a look into the folder ``out``, in the form that a score's has, and returns it by
    variant.
    """
    return {Variant.CURVE: write_curves({"video": curve_json(look[1])}, out)}


class PipelineScorer:
    """The real one: the model is loaded once, when the scorer is made."""

    def __init__(self, settings: Settings) -> None:
        """ModelError when ``settings.model`` cannot be loaded in the way that the settings ask for.

        DeviceMemoryError when the memory was there as it began, and somebody else took it meanwhile.
        """
        # Imports torch, which only a process that scores should pay for.
        from model_core.pipeline import Pipeline

        runtime = Runtime(settings.device, settings.precision, settings.window_s, settings.compile)
        self._pipeline = run_within_memory(lambda: Pipeline.load(settings.model, runtime))
        self.model = self._pipeline.info
        self.looks_ahead = self._pipeline.model.uses_gpu

    def look(self, video: Path, prompt: str, options: ScoreOptions, progress: ProgressCallback) -> Look:
        """See ``Scorer.look``."""
        self._pipeline.check(prompt, options)
        return run_within_memory(lambda: self._pipeline.analyze(video, progress))

    def score(
        self, look: Look, video: Path, prompt: str, options: ScoreOptions, out: Path, progress: ProgressCallback
    ) -> dict[str, Path]:
        """See ``Scorer.score``."""
        prompt = self._pipeline.check(prompt, options)
        info, curve = look

        def made() -> dict[str, Path]:
            soundtrack = self._pipeline.score_curve(curve, info, prompt, options, progress)
            return soundtrack.write(video, out, progress)

        return run_within_memory(made)
