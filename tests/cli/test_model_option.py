"""Another model folder than the shipped one, for the service: refused in one line, or handed to the worker."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.stack import run_stack
from jobs.settings import Settings
from model_core.model_folder.embedded import save_embedded
from tests.model_core.tiny_model import tiny_model
from tests.processes import ROOT, environment


@pytest.fixture
def own_signals() -> Iterator[None]:
    """Puts the handlers back that a stack in this process takes over."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("command", "by"), [("up", "option"), ("up", "environment"), ("worker", "option")])
def test_a_folder_that_is_no_model_is_one_line(command: str, by: str, settings: Settings, tmp_path: Path) -> None:
    env, options = environment(settings), ["--port", "0"] if command == "up" else []
    if by == "environment":
        env["V2M_MODEL"] = str(tmp_path)
    else:
        options += ["--model", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", command, *options],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    told = (done.stdout + done.stderr).splitlines()
    assert (done.returncode, len(told)) == (2, 1)
    assert "cannot read v2m.json" in told[0]
    assert str(tmp_path) in told[0]


@pytest.mark.usefixtures("own_signals")
def test_up_hands_the_folder_to_its_worker(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_embedded(tiny_model(), tmp_path / "models" / "tiny")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    given = tmp_path / "given"
    worker = f"""
import os, pathlib, signal, time
pathlib.Path({str(given)!r}).write_text(os.environ["V2M_MODEL"])
os.kill({os.getpid()}, signal.SIGTERM)
time.sleep(60)
"""
    chosen = settings.model_copy(update={"model": Path("models/tiny"), "port": 0})
    assert run_stack(chosen, [sys.executable, "-c", worker]) == 0
    assert given.read_text() == str(tmp_path / "models" / "tiny")
