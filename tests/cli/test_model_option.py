"""Another model folder than the shipped one, for the service: refused in one line, or handed to the worker."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from jobs.infra.settings import Settings
from tests.processes import ROOT, environment


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


@pytest.mark.parametrize("command", ["up", "worker"])
@pytest.mark.parametrize(
    ("option", "value", "variable"),
    [("--device", "gpu", "V2M_DEVICE"), ("--precision", "int8", "V2M_PRECISION"), ("--window", "0", "V2M_WINDOW_S"),
     ("--look-ahead", "never", "V2M_LOOK_AHEAD")],
)  # fmt: skip
def test_a_setting_of_the_command_line_that_cannot_be_is_one_line(
    command: str, option: str, value: str, variable: str
) -> None:
    done = CliRunner().invoke(app, [command, option, value])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert f"v2m: {variable} must be " in done.stderr


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
