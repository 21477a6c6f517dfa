"""What `v2m up` does with its worker, whatever that is: here a few lines of code."""

import json
import os
import sys
from pathlib import Path

import pytest

from cli import stack
from cli.stack import StartError, run_stack
from cli.supervisor import WorkerWatchdog
from jobs.infra.settings import Settings
from model_core.models.score.folder import save_score_parts
from tests.model_core.tiny_model import tiny_model
from tests.processes import ROOT
from worker import main


@pytest.mark.usefixtures("own_signals")
def test_up_hands_the_settings_to_its_worker(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_score_parts(tiny_model(), tmp_path / "models" / "tiny")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    given = tmp_path / "given"
    worker = f"""
import json, os, pathlib, signal, time
own = {{name: value for name, value in os.environ.items() if name.startswith("V2M_")}}
pathlib.Path({str(given)!r}).write_text(json.dumps(own))
os.kill({os.getpid()}, signal.SIGTERM)
time.sleep(60)
"""
    changes = {"model": Path("models/tiny"), "port": 0, "device": "cpu", "window_s": 47.5, "compile": True}
    assert run_stack(settings.model_copy(update=changes), [sys.executable, "-c", worker]) == 0
    told = json.loads(given.read_text())
    assert told["V2M_MODEL"] == str(tmp_path / "models" / "tiny")
    for name in told:
        monkeypatch.setenv(name, told[name])
    heard = Settings()
    assert (heard.device, heard.window_s, heard.compile) == ("cpu", 47.5, True)
    assert (heard.precision, heard.look_ahead) == ("auto", "auto")


@pytest.mark.usefixtures("own_signals")
def test_a_worker_that_was_live_once_is_started_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr("cli.supervisor._FIRST_DELAY_S", 0.05)
    said: list[str] = []
    starts, ready = tmp_path / "starts", tmp_path / "ready"

    def say(line: str) -> None:
        said.append(line)
        if line.startswith("ready: "):
            ready.touch()

    monkeypatch.setattr(stack, "say", say)
    worker = f"""
import os, pathlib, signal, sys, time
from jobs.infra.redis_connection import connect
from jobs.infra.processes import record_heartbeat
from jobs.infra.processes import new_name
starts = pathlib.Path({str(starts)!r})
number = len(starts.read_text()) if starts.exists() else 0
starts.write_text("x" * (number + 1))
if number == 1:
    sys.exit({main.NOT_USABLE})
redis, name, ready = connect(os.environ["REDIS_URL"]), new_name(), pathlib.Path({str(ready)!r})
while not ready.exists():
    record_heartbeat(redis, name)
    time.sleep(0.1)
if number == 2:
    os.kill({os.getpid()}, signal.SIGTERM)
    time.sleep(60)
"""
    assert run_stack(settings.model_copy(update={"port": 0}), [sys.executable, "-c", worker]) == 0
    assert starts.read_text() == "xxx"
    assert [line for line in said if line.startswith("the worker ended")] == [
        "the worker ended with status 0; starting it again in 0.05 s",
        "the worker ended with status 2 (2 times in a row); starting it again in 0.1 s",
    ]


@pytest.mark.usefixtures("own_signals")
def test_a_worker_that_shows_no_life_is_killed_and_started_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr("cli.supervisor._FIRST_DELAY_S", 0.05)
    monkeypatch.setattr(stack, "WorkerWatchdog", lambda _patience_s: WorkerWatchdog(0.2))
    said: list[str] = []
    starts = tmp_path / "starts"
    monkeypatch.setattr(stack, "say", said.append)
    worker = f"""
import os, pathlib, signal, time
from jobs.infra.redis_connection import connect
from jobs.infra.processes import new_name
from jobs.infra.processes import record_heartbeat
starts = pathlib.Path({str(starts)!r})
number = len(starts.read_text()) if starts.exists() else 0
starts.write_text("x" * (number + 1))
if number == 1:
    os.kill({os.getpid()}, signal.SIGTERM)
    time.sleep(60)
record_heartbeat(connect(os.environ["REDIS_URL"]), new_name())
os.kill(os.getpid(), signal.SIGSTOP)
"""
    changes = {"port": 0, "metrics_port": 9100, "worker_metrics_port": 0}
    assert run_stack(settings.model_copy(update=changes), [sys.executable, "-c", worker]) == 0
    assert starts.read_text() == "xx"
    assert [line for line in said if line.startswith("the worker") and "loading" not in line] == [
        f"the worker has shown no sign of life for {3 * settings.heartbeat_ttl_s} s; killing it",
        "the worker was killed by SIGKILL; starting it again in 0.05 s",
    ]
    assert "metrics of the API on http://127.0.0.1:9100/metrics, of the worker on a port that its log names" in said


@pytest.mark.usefixtures("own_signals")
def test_a_worker_that_died_of_something_else_is_started_again(settings: Settings, tmp_path: Path) -> None:
    crashed = tmp_path / "crashed"
    worker = f"""
import pathlib, sys
crashed = pathlib.Path({str(crashed)!r})
if crashed.exists():
    sys.exit({stack.NOT_USABLE})
crashed.touch()
sys.exit(1)
"""
    with pytest.raises(StartError):
        run_stack(settings.model_copy(update={"port": 0}), [sys.executable, "-c", worker])
    assert crashed.exists()


def test_both_mean_the_same_status() -> None:
    assert main.NOT_USABLE == stack.NOT_USABLE
