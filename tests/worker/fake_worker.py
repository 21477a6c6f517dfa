"""A real worker process with the scorer that needs no model: ``python -m tests.worker.fake_worker``."""

import sys

from jobs.infra.settings import Settings
from tests.worker.fake_scorer import FakeScorer
from worker.main import run

if __name__ == "__main__":
    sys.exit(run(Settings(), FakeScorer))
