"""Start of a worker, and its log and exit status when it cannot start."""

import json
import subprocess
import sys
from typing import Any

import pytest

from jobs.infra.settings import Settings
from model_core.errors import DeviceMemoryError, ModelError
from tests.conftest import MakeSettings
from tests.processes import ROOT, environment
from worker.main import NOT_USABLE

_START = """
import sys
from jobs.infra.settings import Settings
from tests.worker.fake_scorer import FakeScorer
from worker.main import run
{}
sys.exit(run(Settings(), make))
"""


def start(settings: Settings, making: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit status and log lines of a worker whose scorer the code in ``making`` gives."""
    done = subprocess.run(
        [sys.executable, "-c", _START.format(making)],
        cwd=ROOT, env=environment(settings), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, [json.loads(line) for line in done.stderr.splitlines()]


@pytest.mark.parametrize("error", [ModelError("it is broken"), DeviceMemoryError("take less")])
def test_model_that_cannot_be_loaded_is_one_line(settings: Settings, error: Exception) -> None:
    name = type(error).__name__
    making = f"from model_core.errors import {name}\ndef make(): raise {name}({str(error)!r})"
    status, (line,) = start(settings, making)
    assert (status, line["event"], line["error"]) == (NOT_USABLE, "worker_not_started", str(error))


# An entry of None in sys.modules would confuse scipy, which looks there for torch.
_WITHOUT_TORCH = """
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
make = None
"""


def test_installation_without_the_models_is_one_line(make_settings: MakeSettings) -> None:
    status, (line,) = start(make_settings(model=None), _WITHOUT_TORCH)
    assert (status, line["event"]) == (NOT_USABLE, "worker_not_started")
    assert "torch" in line["error"]
    assert "v2m-zero[cpu]" in line["error"]


_IDLE = """
import structlog, worker.main
def work(worker, **how):
    patience = worker.connection.connection_pool.get_connection().socket_timeout
    structlog.get_logger().info("idle", patience=patience, waits=worker.dequeue_timeout)
worker.main.ScoreWorker.work = work
make = FakeScorer
"""


def test_idle_worker_waits_longer_than_the_socket_timeout_of_others(make_settings: MakeSettings) -> None:
    status, (_, idle, _) = start(make_settings(), _IDLE)
    assert (status, idle["event"], idle["waits"]) == (0, "idle", 15)
    assert idle["patience"] > idle["waits"]


def test_log_names_the_model(settings: Settings) -> None:
    making = "import worker.main\nworker.main.ScoreWorker.work = lambda *_, **__: True\nmake = FakeScorer"
    status, (loaded, stopped) = start(settings, making)
    assert (status, loaded["event"], loaded["model"], loaded["kind"]) == (0, "model_loaded", "fake 1", "none")
    assert stopped["event"] == "worker_stopped"
