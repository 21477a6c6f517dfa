"""scripts/background.sh: a run that outlives the shell that started it, is paused, stopped and gone on with."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT, until

SMALL = ("--pieces", "32", "--tokens", "48", "--save-every", "0")


class Background:
    """The script, on a work folder of its own."""

    def __init__(self, work: Path) -> None:
        self.work = work

    def __call__(self, *arguments: str, nice: int = 0) -> str:
        done = subprocess.run(
            ["scripts/background.sh", *arguments],
            cwd=ROOT,
            env=os.environ | {"WORK": str(self.work), "NICE": str(nice)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    @property
    def pid(self) -> int:
        return int((self.work / "background.pid").read_text())

    def state(self) -> str:
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture
def background(tmp_path: Path) -> Iterator[Background]:
    script = Background(tmp_path)
    yield script
    script("stop")


def test_a_run_is_started_paused_stopped_and_gone_on_with(background: Background) -> None:
    assert background("status") == "The training is not running.\nThere is no checkpoint yet.\n"
    assert "has started" in background("start", *SMALL)
    assert os.getsid(background.pid) == background.pid
    assert "already running" in background("start", *SMALL)
    log = background.work / "logs" / "stream.log"
    until(lambda: log.exists() and "step 1 " in log.read_text(), "the first step")
    until((background.work / "checkpoints" / "stream.pt").exists, "the first checkpoint")
    told = background("status")
    assert f"The training is running (process {background.pid})." in told
    assert "Step 1 of 20000; loss 0." in told
    assert "seconds a step" in told
    assert "The last checkpoint was written 0 minutes ago" in told
    assert "is paused" in background("pause")
    until(lambda: background.state() == "T", "the process is halted")
    assert "is paused" in background("status")
    assert "goes on" in background("start", *SMALL)
    until(lambda: background.state() != "T", "the process goes on")
    background("pause")
    assert "has stopped" in background("stop")
    assert "is not running" in background("status")
    assert "is not running" in background("pause")
    assert "has started" in background("start", *SMALL)
    until(lambda: "goes on at step" in log.read_text(), "the run goes on from its checkpoint")


def test_other_work_comes_first(background: Background) -> None:
    background("start", *SMALL, nice=19)
    until(lambda: os.getpriority(os.PRIO_PROCESS, background.pid) == 19, "the process comes last")
    autogroup = Path(f"/proc/{background.pid}/autogroup")
    if autogroup.exists():
        assert autogroup.read_text().endswith("nice 19\n")


def test_what_is_no_command_is_answered_with_the_commands(background: Background) -> None:
    told = background("go")
    for command in ("start", "pause", "resume", "stop", "status"):
        assert f"scripts/background.sh {command}" in told or f"| {command}" in told


def test_a_wrong_option_leaves_its_error_in_the_log(background: Background) -> None:
    background("start", "--pieces", "40")
    output = background.work / "logs" / "background.log"
    until(lambda: output.exists() and "not a multiple of 32" in output.read_text(), "the error")
