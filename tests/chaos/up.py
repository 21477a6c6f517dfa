"""`v2m up` with the worker that can be hurt: ``python -m tests.chaos.up``; settings from the environment."""

import sys

from cli.stack import run_stack
from jobs.infra.settings import Settings

if __name__ == "__main__":
    sys.exit(run_stack(Settings(), [sys.executable, "-m", "tests.chaos.worker"]))
