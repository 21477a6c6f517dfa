"""Scorer protocol between worker and model: video analysis, then music. Tests use an implementation without torch."""

from pathlib import Path
from typing import Protocol

from jobs.infra.settings import Settings
from model_core.curves.event_curve import EventCurve
from model_core.curves.video import curve_json
from model_core.media import VideoInfo
from model_core.options import ModelInfo, ProgressCallback, ScoreOptions
from model_core.results import Variant, write_curves
from model_core.runtime import Runtime, run_within_memory

VideoAnalysis = tuple[VideoInfo, EventCurve]
"""Result of the video analysis: the properties of the video and its event curve, the inputs of the music model."""


class Scorer(Protocol):
    """Creates soundtracks, one at a time. Another thread may analyze the next video meanwhile.

    Attributes:
        model: the music model.
        prefetches: True when prefetching speeds jobs up, because scoring leaves the CPU idle.
    """

    model: ModelInfo
    prefetches: bool

    def analyze(self, video: Path, prompt: str, options: ScoreOptions, progress: ProgressCallback) -> VideoAnalysis:
        """Analyzes the video in the stages probe and curve. The result does not depend on the prompt.

        InputError when prompt, options or video cannot be used; prompt and options are checked before the video is
        opened. DeviceMemoryError when there is too little memory. Exceptions of ``progress`` are passed on.
        """
        ...

    def score(
        self,
        analysis: VideoAnalysis,
        video: Path,
        prompt: str,
        options: ScoreOptions,
        out: Path,
        progress: ProgressCallback,
    ) -> dict[str, Path]:
        """Creates the music from the analysis of the same job; writes the artifacts into the folder ``out``.

        Returns their paths by variant. Raises the errors of ``analyze``.
        """
        ...


def write_curve(analysis: VideoAnalysis, out: Path) -> dict[str, Path]:
    """Writes the event curve into the folder ``out``, in a score's curve format; returns its path by variant."""
    return {Variant.CURVE: write_curves({"video": curve_json(analysis[1])}, out)}


class PipelineScorer:
    """Scorer with the model pipeline, which is loaded once, when the scorer is created."""

    def __init__(self, settings: Settings) -> None:
        """ModelError when ``settings.model`` cannot be loaded with these settings.

        DeviceMemoryError when another process took the memory while the model was being loaded.
        """
        # Imported here, since it imports torch, which only a process with a model needs.
        from model_core.pipeline import Pipeline

        runtime = Runtime(settings.device, settings.precision, settings.window_s, settings.compile)
        self._pipeline = run_within_memory(lambda: Pipeline.load(settings.model, runtime))
        self.model = self._pipeline.info
        self.prefetches = self._pipeline.model.uses_gpu

    def analyze(self, video: Path, prompt: str, options: ScoreOptions, progress: ProgressCallback) -> VideoAnalysis:
        """See ``Scorer.analyze``."""
        self._pipeline.check(prompt, options)
        return run_within_memory(lambda: self._pipeline.analyze(video, progress))

    def score(
        self,
        analysis: VideoAnalysis,
        video: Path,
        prompt: str,
        options: ScoreOptions,
        out: Path,
        progress: ProgressCallback,
    ) -> dict[str, Path]:
        """See ``Scorer.score``."""
        prompt = self._pipeline.check(prompt, options)
        info, curve = analysis

        def write_score() -> dict[str, Path]:
            soundtrack = self._pipeline.score_curve(curve, info, prompt, options, progress)
            return soundtrack.write(video, out, progress)

        return run_within_memory(write_score)
