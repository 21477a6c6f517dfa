"""`v2m train` from an empty folder to a model that scores, and what a kill costs: nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from cli.app import app
from jobs.infra.settings import Settings
from model_core.models.score.folder import load_score_parts
from model_core.training.checkpoints import read_progress
from tests.processes import ROOT, until
from tests.training.event_files import scalars

SMALL = ("--width", "64", "--depth", "1", "--tokens", "64", "--steps", "30")
STAGES = {
    "corpus": ("--pieces", "5", "--rendered", "5"),
    "codec": ("--steps", "25"),
    "planner": ("--steps", "30"),
    "flow": SMALL,
    "curve": ("--steps", "10", "--tokens", "64"),
}


def _train(work: Path, stage: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["train", stage, "--work", str(work), *arguments])


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder in which every stage has run."""
    folder = tmp_path_factory.mktemp("train")
    for stage, arguments in STAGES.items():
        done = _train(folder, stage, *arguments)
        assert done.exit_code == 0, done.output
        assert "done" in done.output.splitlines()[-1]
    done = _train(folder, "export", "--out", str(folder / "taught"), "--version", "0.7")
    assert done.exit_code == 0, done.output
    return folder


def _weights(work: Path, stage: str) -> bytes:
    return (work / stage / "diffusion_pytorch_model.safetensors").read_bytes()


def _with_codec(work: Path, tmp_path: Path) -> Path:
    """A work folder with the corpus and the codec of another one."""
    for stage in ("corpus", "codec"):
        shutil.copytree(work / stage, tmp_path / stage)
    return tmp_path


def test_the_stages_make_a_model_folder(work: Path) -> None:
    model = load_score_parts(work / "taught")
    assert (model.name, model.version) == ("taught", "0.7")
    assert model.flow.config["depth"] == 1
    trained = torch.cat([weight.flatten() for weight in model.flow.parameters()])
    assert torch.isfinite(trained).all()
    assert trained.any()


@pytest.mark.parametrize("stage", ["codec", "planner", "flow", "curve"])
def test_each_stage_can_be_watched(work: Path, stage: str) -> None:
    told = scalars(work / "logs" / stage)
    assert set(told) == {"loss", "held_out", "learning_rate", "steps/s"}
    assert told["loss"][0][0] == 1
    lines = (work / "logs" / f"{stage}.log").read_text().splitlines()
    assert lines[0].startswith("step 1  loss ")
    assert lines[-1] == f"done after {told['loss'][-1][0]} steps"


def test_a_killed_flow_goes_on_to_the_same_weights(work: Path, tmp_path: Path) -> None:
    killed = _with_codec(work, tmp_path)
    command = [sys.executable, "-m", "cli.main", "train", "flow", "--work", str(killed), *SMALL, "--save-every", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        until((killed / "checkpoints" / "flow.pt").exists, "the first checkpoint")
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    made_of = json.loads(torch.load(killed / "checkpoints" / "flow.pt", weights_only=True)["made_of"])
    reached = read_progress(killed / "checkpoints" / "flow.pt", made_of).step
    assert 1 <= reached < 30
    assert not (killed / "flow").exists()
    done = _train(killed, "flow", *SMALL)
    assert f"goes on at step {reached}" in done.output
    assert _weights(killed, "flow") == _weights(work, "flow")


def test_a_stage_that_is_asked_to_stop_says_how_to_go_on(work: Path, tmp_path: Path) -> None:
    stopped = _with_codec(work, tmp_path)
    checkpoint = stopped / "checkpoints" / "planner.pt"

    def stop() -> None:
        until(checkpoint.exists, "the first checkpoint")
        os.kill(os.getpid(), signal.SIGTERM)

    asking = threading.Thread(target=stop)
    asking.start()
    done = _train(stopped, "planner", "--minutes", "60", "--save-every", "0")
    asking.join()
    assert done.exit_code == 130
    assert "the same command goes on from there" in done.output.splitlines()[-1]
    assert not (stopped / "planner").exists()


def test_a_stage_that_is_done_is_not_run_again_unless_fresh(work: Path, tmp_path: Path) -> None:
    before = _weights(work, "planner")
    assert "is done" in _train(work, "planner", *STAGES["planner"]).output
    copy = _with_codec(work, tmp_path)
    for arguments, steps in ((("--steps", "3"), 3), (("--steps", "6"), 6), (("--steps", "4", "--fresh"), 4)):
        done = _train(copy, "planner", *arguments)
        assert f"done after {steps} steps" in done.output
    assert "goes on" not in (copy / "logs" / "planner.log").read_text()
    assert _train(copy, "planner", *STAGES["planner"], "--fresh").exit_code == 0
    assert _weights(copy, "planner") == before


def test_another_seed_is_another_run(work: Path, tmp_path: Path) -> None:
    refused = _train(work, "planner", *STAGES["planner"], "--seed", "1")
    assert (refused.exit_code, len(refused.output.splitlines())) == (2, 1)
    assert "seed 0, not 1; begin again with --fresh" in refused.output
    copy = _with_codec(work, tmp_path)
    assert _train(copy, "planner", *STAGES["planner"], "--seed", "1").exit_code == 0
    assert _weights(copy, "planner") != _weights(work, "planner")


def test_a_corpus_is_finished_not_made_again(work: Path, tmp_path: Path) -> None:
    shutil.copytree(work / "corpus", tmp_path / "corpus")
    kept = tmp_path / "corpus" / "rendered" / "00000.npz"
    made = kept.stat().st_mtime_ns
    (tmp_path / "corpus" / "pieces" / "00000.npz").write_bytes(b"half a shard")
    (tmp_path / "corpus" / "rendered" / "00001.npz").write_bytes(b"of a larger corpus")
    done = _train(tmp_path, "corpus", *STAGES["corpus"])
    assert done.exit_code == 0, done.output
    assert [path.name for path in (tmp_path / "corpus" / "rendered").iterdir()] == ["00000.npz"]
    assert kept.stat().st_mtime_ns == made
    again, before = ((folder / "corpus" / "pieces" / "00000.npz").read_bytes() for folder in (tmp_path, work))
    assert again == before


def test_codec_and_curve_can_start_from_a_model_folder(work: Path, tmp_path: Path) -> None:
    shutil.copytree(work / "corpus", tmp_path / "corpus")
    start = ("--start", str(work / "taught"))
    assert _train(tmp_path, "codec", "--steps", "2", *start).exit_code == 0
    done = _train(tmp_path, "curve", "--steps", "2", "--tokens", "64", *start)
    assert done.exit_code == 0, done.output
    assert _weights(tmp_path, "curve") != _weights(work, "curve")
    assert not (tmp_path / "flow").exists()


@pytest.mark.parametrize("stage", ["codec", "planner", "flow", "curve"])
def test_a_stage_without_what_it_needs_says_which_comes_first(stage: str, tmp_path: Path) -> None:
    refused = _train(tmp_path, stage, "--steps", "1")
    assert (refused.exit_code, len(refused.output.splitlines())) == (2, 1)
    assert "run `v2m train co" in refused.output


def test_a_trained_folder_is_picked_up_from_the_environment(
    work: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("V2M_MODEL", str(work / "taught"))
    assert Settings().model == work / "taught"
    report = tmp_path / "report.json"
    quick = ("--steps", "4", "--curve-guidance", "0")
    command = ["score", str(clip), "-o", str(tmp_path / "out.mp4"), "--report", str(report), *quick]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert json.loads(report.read_text())["model"]["name"] == "taught"
    refused = CliRunner().invoke(app, [*command, "--force", "--model", str(tmp_path)])
    assert (refused.exit_code, len(refused.output.splitlines())) == (1, 1)
    assert "cannot read v2m.json" in refused.output
    monkeypatch.setenv("V2M_MODEL", "")
    assert Settings().model is None
