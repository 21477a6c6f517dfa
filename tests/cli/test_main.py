"""`v2m` as a program: Ctrl-C at any time, version, empty paths, and the progress bars."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli import terminal
from cli.app import app
from model_core.options import STAGES


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [*arguments])
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("command", [("score", "none.mp4", "-o", "x.mp4"), ("up", "--port", "0"), ("--help",)])
@pytest.mark.parametrize("module", ["typer", "pydantic", "redis"])
def test_ctrl_c_during_the_imports_is_one_line(command: tuple[str, ...], module: str, tmp_path: Path) -> None:
    """The signal comes in the middle of an import, in which KeyboardInterrupt would be a long traceback."""
    program = f"""
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from cli.main import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *command], capture_output=True, text=True, timeout=120, check=False,
        env={"V2M_STATE_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "v2m: interrupted\n")


def test_ctrl_c_during_a_command_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.score.check_video", interrupted)
    assert run("score", "a.mp4", "-o", "b.mp4") == (130, "", "v2m: interrupted\n")


def test_a_real_signal_ends_a_program_that_waits(tmp_path: Path) -> None:
    program = (
        "import sys, time; import cli.score; from cli.main import main;"
        "cli.score.check_video = lambda _: (print('on', flush=True), time.sleep(60));"
        "sys.argv = ['v2m', 'score', 'a.mp4', '-o', 'b.mp4']; main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        process.send_signal(signal.SIGINT)
        rest, told = process.communicate(timeout=60)
    assert (process.returncode, rest, told) == (130, "", "v2m: interrupted\n")


def test_the_version_is_printed() -> None:
    status, printed, _ = run("--version")
    assert status == 0
    assert printed.startswith("v2m 0.")


@pytest.mark.parametrize(
    "arguments",
    [("up", "--state", ""), ("up", "--state="), ("api", "--state", ""), ("doctor", "--state", ""),
     ("score", "", "-o", "x.mp4"), ("score", "x.mp4", "-o", ""), ("train", "corpus", "--work", ""),
     ("train", "export", "-o", ""), ("model", "init", "--base", "x", "--out", "")],
)  # fmt: skip
def test_an_empty_path_is_refused(arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, printed, told = run(*arguments)
    assert (status, printed) == (2, "")
    assert "the path is empty" in told
    assert list(tmp_path.iterdir()) == []


def test_empty_texts_and_the_current_folder_are_not_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "is a folder" in run("score", ".", "--prompt", "", "-o", "x.mp4")[2]


def test_every_stage_moves_one_bar_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, float]] = []

    def update(_self: object, _task: object, *, description: str, completed: float, total: float) -> None:
        shown.append((description, completed / total))

    monkeypatch.setattr("rich.progress.Progress.update", update)
    with terminal.stages_bar() as report:
        for stage in STAGES:
            report(stage, 0.0)
            report(stage, 1.0)
    assert shown[0] == ("Loading the model", 0.0)
    assert shown[-1][0] == "Writing the video"
    assert shown[-1][1] == pytest.approx(1.0)
    assert [done for _, done in shown] == sorted(done for _, done in shown)
    assert {label for label, _ in shown} == set(terminal.LABELS.values())


def test_a_bar_is_for_terminals_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal.bar("Loading the model") as show:
        show("Composing", 1.0, 2.0)
    assert capsys.readouterr().err == ""

    class Terminal(Console):
        def __init__(self, *, stderr: bool) -> None:
            super().__init__(stderr=stderr, force_terminal=True, width=100)

    monkeypatch.setattr(terminal, "Console", Terminal)
    with terminal.bar("Loading the model") as show:
        show("Composing", 1.0, 2.0)
        time.sleep(0)
    drawn = capsys.readouterr().err
    assert "Composing" in drawn
    assert "50%" in drawn
