"""A worker for the commands of docs/api.md: the waltz takes until somebody cancels it."""

import sys
from pathlib import Path

from jobs.infra.settings import Settings
from model_core.options import ProgressCallback, ScoreOptions
from tests.worker.fake_scorer import FakeScorer
from worker.main import run
from worker.scorer import VideoAnalysis

UNTIL_CANCELED = "a slow waltz"


class PageScorer(FakeScorer):
    """The page cancels a job, which must not be over by then."""

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
        return super().score(analysis, video, "slow 60" if prompt == UNTIL_CANCELED else prompt, options, out, progress)


if __name__ == "__main__":
    sys.exit(run(Settings(), PageScorer))
