"""`v2m up` with the worker that needs no model: ``python -m tests.cli_up.fake_up``; settings from the environment."""

import sys

from cli.stack import run_stack
from jobs.infra.settings import Settings

if __name__ == "__main__":
    sys.exit(run_stack(Settings(), [sys.executable, "-m", "tests.worker.fake_worker"]))
