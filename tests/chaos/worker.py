"""A real worker process without a model, and with places at which it can be hurt: ``python -m tests.chaos.worker``."""

import os
import signal
import sys
from pathlib import Path

from jobs.infra.settings import Settings
from model_core.options import ProgressCallback, ScoreOptions
from tests.chaos import points
from tests.worker.fake_scorer import FakeScorer
from worker.main import run
from worker.scorer import VideoAnalysis


class HurtScorer(FakeScorer):
    """The fake scorer with a place in each stage and between them. The prompt ``poison`` kills the worker each time."""

    def analyze(self, video: Path, prompt: str, options: ScoreOptions, progress: ProgressCallback) -> VideoAnalysis:
        """See worker.scorer.Scorer."""
        seen = super().analyze(video, prompt, options, _with_places(progress))
        points.at("analyzed")
        return seen

    def score(
        self,
        analysis: VideoAnalysis,
        video: Path,
        prompt: str,
        options: ScoreOptions,
        out: Path,
        progress: ProgressCallback,
    ) -> dict[str, Path]:
        """See worker.scorer.Scorer."""
        if prompt == "poison":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().score(analysis, video, prompt, options, out, _with_places(progress))

    def _write(self, video: Path, out: Path, report: dict[str, object]) -> dict[str, Path]:
        half = video.read_bytes()[: video.stat().st_size // 2]
        (out / "any name.mp4").write_bytes(half)
        points.at("writing")
        return super()._write(video, out, report)


def _with_places(progress: ProgressCallback) -> ProgressCallback:
    def report(stage: str, fraction: float) -> None:
        progress(stage, fraction)
        points.at(f"stage {stage}")

    return report


if __name__ == "__main__":
    points.install()
    sys.exit(run(Settings(), HurtScorer))
