"""A real worker process with the scorer that needs no model: ``python -m tests.fuzz.worker``."""

import sys

from jobs.infra.settings import Settings
from tests.fuzz.scorer import MediaScorer
from worker.main import run

if __name__ == "__main__":
    sys.exit(run(Settings(), MediaScorer))
