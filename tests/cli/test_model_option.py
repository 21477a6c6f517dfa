"""Another model folder than the shipped one, for the service: refused in one line, or handed to the worker."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
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
def test_up_hands_the_settings_to_its_worker(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_embedded(tiny_model(), tmp_path / "models" / "tiny")
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


@pytest.mark.parametrize("command", ["up", "worker"])
@pytest.mark.parametrize(
    ("option", "value", "setting"),
    [("--device", "gpu", "device"), ("--precision", "int8", "precision"), ("--window", "0", "window_s"),
     ("--look-ahead", "never", "look_ahead")],
)  # fmt: skip
def test_a_setting_of_the_command_line_that_cannot_be_is_one_line(
    command: str, option: str, value: str, setting: str
) -> None:
    done = CliRunner().invoke(app, [command, option, value])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert f"v2m: setting {setting}: " in done.stderr


def test_the_worker_gets_the_settings_of_its_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Settings] = []

    def run(settings: Settings) -> int:
        given.append(settings)
        return 0

    monkeypatch.setattr("worker.main.run", run)
    options = ["--device", "cuda:1", "--precision", "float32", "--window", "30", "--compile", "--look-ahead", "off"]
    done = CliRunner().invoke(app, ["worker", *options])
    assert done.exit_code == 0
    (settings,) = given
    assert (settings.device, settings.precision, settings.window_s) == ("cuda:1", "float32", 30.0)
    assert (settings.compile, settings.look_ahead) == (True, "off")
    monkeypatch.setenv("V2M_COMPILE", "true")
    CliRunner().invoke(app, ["worker", "--no-compile"])
    assert not given[-1].compile
