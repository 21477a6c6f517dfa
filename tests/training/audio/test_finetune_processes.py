"""`v2m train curve --model` by several processes: they begin, stop and end as one, or say why they cannot."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from accelerate import Accelerator

from model_core.errors import InputError
from model_core.training.audio import finetune
from tests.processes import ROOT, until
from tests.training.audio.conftest import QUICK, Train, run

PYTHON: Final = (sys.executable, "-W", "ignore")
CURVE: Final = ("-m", "cli.main", "train", "curve")


def _free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def _begun(command: list[str], **more: str) -> subprocess.Popen[str]:
    launched = {name: value for name, value in os.environ.items() if name != "ACCELERATE_USE_CPU"}
    piped = subprocess.PIPE
    environment = {**launched, "OMP_NUM_THREADS": "1", **more}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=piped, stderr=piped, text=True)


@pytest.mark.slow  # a minute: seven processes that import torch, and two runs of the training
def test_two_processes_begin_stop_and_end_as_one(model: Path, music: Path, cached: Path, tmp_path: Path) -> None:
    work, apart = tmp_path / "work", tmp_path / "apart"
    for place in (work, apart):
        shutil.copytree(cached / "music", place / "music")
    given = ("--model", str(model), "--data", str(music), "--out", str(work / "out"), *QUICK)

    def started(works: tuple[Path, Path], *arguments: str) -> list[subprocess.Popen[str]]:
        shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": _free_port()}
        return [
            _begun([*PYTHON, *CURVE, *given, "--work", str(at), *arguments], RANK=rank, LOCAL_RANK=rank, **shared)
            for rank, at in zip("01", works, strict=True)
        ]

    both = started((work, work), "--steps", "100000", "--save-every", "0")
    until((work / "checkpoints/audio-curve.pt").exists, "the first checkpoint")
    both[1].terminate()  # the one that keeps nothing
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [130, 130], said
    assert "stopped after " in said[0][0].splitlines()[-1]
    assert said[1][0] == ""
    steps = int(said[0][0].splitlines()[-1].split()[3])

    both = started((work, apart), "--steps", str(steps + 3))
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [2, 2], said
    assert all("v2m: --work: the processes do not see the same folder" in told for _, told in said), said

    torchrun = (*PYTHON, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", _free_port())
    one = _begun([*torchrun, *CURVE, *given, "--work", str(work), "--steps", str(steps + 3)])
    out, errors = one.communicate(timeout=90)
    assert one.returncode == 0, (out, errors)
    assert out.count(f"goes on at step {steps}") == 1
    assert out.count(f"wrote tiny 1+{steps + 3}.") == 1, "two that do not know of each other would write twice"

    alone = run(model, music, work / "out", work, *QUICK, "--steps", str(steps + 4))
    assert "was made with processes 2, not 1" in alone.output.splitlines()[-1]


def test_processes_that_do_not_find_each_other_are_refused(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(Accelerator, "num_processes", 1)
    monkeypatch.setattr(finetune, "Accelerator", lambda **_: _alone())
    done = train(*QUICK, "--steps", "1")
    told = "v2m: WORLD_SIZE: is 2, but 1 of them train together"
    assert (done.exit_code, done.output.splitlines()[-1]) == (2, told)


def _alone() -> Accelerator:
    os.environ.pop("WORLD_SIZE")
    made = Accelerator(cpu=True)
    os.environ["WORLD_SIZE"] = "2"
    return made


def test_a_checkpoint_that_not_all_see_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    finetune.check_same_step(3)
    monkeypatch.setattr(finetune, "gather_object", lambda steps: [*steps, 0])
    finetune.check_same_step(0)
    with pytest.raises(InputError, match="the processes do not see the same folder"):
        finetune.check_same_step(3)


def test_several_processes_are_limited_by_steps_alone(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Accelerator, "num_processes", 2)
    done = train(*QUICK, "--minutes", "1")
    told = "v2m: --minutes: several processes would come to different ends; use --steps"
    assert (done.exit_code, done.output.splitlines()[-1]) == (2, told)
