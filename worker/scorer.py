"""What a worker needs of the method: one call that makes a soundtrack. The tests bring one without torch."""

from pathlib import Path
from typing import Protocol

from model_core.options import ProgressCallback, ScoreOptions


class Scorer(Protocol):
    """Makes soundtracks, one at a time."""

    def score(
        self, video: Path, prompt: str, options: ScoreOptions, out: Path, progress: ProgressCallback
    ) -> dict[str, Path]:
        """Writes the artifacts into the folder ``out`` and returns them by variant.

        Passes on what ``progress`` raises. InputError when the video or the prompt cannot be used.
        """
        ...


class PipelineScorer:
    """The real one: the model is loaded once, when the scorer is made."""

    def __init__(self, model: Path | None = None) -> None:
        """``model``: another model folder than the embedded one. ModelError when it cannot be loaded."""
        from model_core.pipeline import Pipeline  # imports torch, which only a process that scores should pay for

        self._pipeline = Pipeline.load(model)

    def score(
        self, video: Path, prompt: str, options: ScoreOptions, out: Path, progress: ProgressCallback
    ) -> dict[str, Path]:
        """See ``Scorer.score``."""
        soundtrack = self._pipeline.score_video(video, prompt, options, progress)
        return soundtrack.write(video, out, progress)
