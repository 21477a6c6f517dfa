"""`v2m train curve --model` with bad input: one line that says what is wrong, and nothing half-written."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableAudio3DiTModel
from typer.testing import CliRunner

from cli.app import app
from model_core.models.registry import read_manifest
from model_core.models.stable_audio import AudioManifest
from model_core.training.audio.train import FineTuning
from model_core.training.optimization import compute_flow_losses
from tests.processes import ROOT
from tests.stable_audio.tiny_base import tiny_base
from tests.training.audio.conftest import QUICK, Train, run
from tests.training.audio.loud_music import write_music


def _refused(arguments: list[str]) -> tuple[int, str]:
    """Exit status and the one line that is told, of a run that must not get far."""
    done = CliRunner().invoke(app, ["train", "curve", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    lines = [line for line in done.output.splitlines() if line.startswith("v2m: ")]
    assert len(lines) == 1, done.output
    assert done.output.splitlines()[-1] == lines[0]
    return done.exit_code, lines[0].removeprefix("v2m: ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--seed", "1"), "seed 0, not 1"),
        (("--lora", "8"), "lora 4, not 8"),
        (("--batch", "2"), "batch 4, not 2"),
        (("--seconds", "3"), "seconds 4.0, not 3.0"),
        (("--accumulate", "2"), "accumulate 1, not 2"),
        (("--learning-rate", "1"), "learning-rate 0.003, not 1.0"),
        (("--precision", "bfloat16"), "precision float32, not bfloat16"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused_by_name(
    arguments: tuple[str, ...], told: str, finished: Path, train: Train, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "work")
    done = train(*QUICK, "--steps", "31", *arguments)
    assert done.exit_code == 2
    assert done.output.splitlines()[-1].endswith(f"was made with {told}; begin again with --fresh")


def test_a_checkpoint_of_other_music_or_of_another_model_is_refused_by_name(
    model: Path, music: Path, finished: Path, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    shutil.copytree(finished, work)
    fewer = tmp_path / "fewer"
    shutil.copytree(music, fewer)
    (fewer / "03.wav").unlink()
    done = run(model, fewer, work / "out2", work, *QUICK, "--steps", "31")
    assert (done.exit_code, "was made with music " in done.output.splitlines()[-1]) == (2, True), done.output
    recaptioned = tmp_path / "recaptioned"
    shutil.copytree(music, recaptioned)
    (recaptioned / "03.txt").write_text("tense strings")
    done = run(model, recaptioned, work / "out2", work, *QUICK, "--steps", "31")
    assert (done.exit_code, "was made with music " in done.output.splitlines()[-1]) == (2, True), done.output
    other = finished / "out"
    done = run(other, music, work / "out2", work, *QUICK, "--steps", "31")
    assert (done.exit_code, "was made with model " in done.output.splitlines()[-1]) == (2, True), done.output
    assert not (work / "out2").exists()


def test_a_loss_that_is_no_number_any_more_ends_the_training(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = list[int]()

    def bad(model: torch.nn.Module, *batch: Any) -> torch.Tensor:
        calls.append(0)
        return compute_flow_losses(model, *batch) * (float("inf") if len(calls) == 3 else 1.0)

    monkeypatch.setattr("model_core.training.audio.train.compute_flow_losses", bad)
    done = train(*QUICK, "--steps", "5")
    told = "v2m: --learning-rate: 0.003 is too high: at step 2 the loss or its gradient is not finite any more"
    assert (done.exit_code, done.output.splitlines()[-1]) == (2, told)
    assert not (tmp_path / "work/out").exists()


def _short_music(at: Path, model: Path, music: Path) -> list[str]:
    folder = write_music(at / "one", 1)
    return ["--model", str(model), "--data", str(folder), "--out", str(at / "out")]


def _empty(at: Path, model: Path, music: Path) -> list[str]:
    (at / "empty").mkdir()
    return ["--model", str(model), "--data", str(at / "empty"), "--out", str(at / "out")]


def _no_sound(at: Path, model: Path, music: Path) -> list[str]:
    (at / "text").mkdir()
    for number in range(2):
        (at / f"text/{number}.wav").write_text("no sound")
    return ["--model", str(model), "--data", str(at / "text"), "--out", str(at / "out")]


def _base(at: Path, model: Path, music: Path) -> list[str]:
    return ["--model", str(tiny_base(at / "base")), "--data", str(music), "--out", str(at / "out")]


def _score_model(at: Path, model: Path, music: Path) -> list[str]:
    folder = ROOT / "model_core/assets/models/v2m-embedded-1"
    return ["--model", str(folder), "--data", str(music), "--out", str(at / "out")]


def _told(*more: str, out: str = "out") -> Callable[[Path, Path, Path], list[str]]:
    return lambda at, model, music: ["--model", str(model), "--data", str(music), "--out", str(at / out), *more]


def _with(model: str | None = None, data: str | None = None) -> Callable[[Path, Path, Path], list[str]]:
    """Something else in the place of one of the two."""

    def make(at: Path, good: Path, music: Path) -> list[str]:
        given = {"--model": good if model is None else at / model, "--data": music if data is None else at / data}
        return [word for name, path in given.items() for word in (name, str(path))] + ["--out", str(at / "out")]

    return make


def _itself(at: Path, model: Path, music: Path) -> list[str]:
    return ["--model", str(model), "--data", str(music), "--out", str(model)]


def _something_else(at: Path, model: Path, music: Path) -> list[str]:
    return ["--model", str(model), "--data", str(music), "--out", str(music)]


FAULTS: dict[str, tuple[Callable[[Path, Path, Path], list[str]], int, str]] = {
    "no model": (lambda at, model, music: ["--data", str(music)], 2, "--model: needs --data and --out"),
    "no out": (lambda at, model, music: ["--model", str(model), "--data", "x"], 2, "--model: needs --data"),
    "no such model": (_with(model="x"), 1, "cannot read v2m.json"),
    "no music folder": (_with(data="x"), 2, "--data: "),
    "no music": (_empty, 2, "--data: there is no music in "),
    "no music that can be read": (_no_sound, 2, "--data: no file in "),
    "one track": (_short_music, 2, "at least two are needed"),
    "a base": (_base, 1, "takes no curve yet; make a model folder of it by `v2m model init`"),
    "a score model": (_score_model, 1, "kind: Input should be 'stable-audio-3', not embedded-score"),
    "no folder for the result": (_told(out="nowhere/out"), 2, "--out: there is no folder "),
    "the model itself": (_itself, 2, "--out: "),
    "no place for a model": (_something_else, 1, "is not a model folder and will not be replaced; choose another path"),
    "too long a crop": (_told("--seconds", "21"), 2, "--seconds: 21 is more than 20, the model's longest"),
    "an endless crop": (_told("--seconds", "inf"), 2, "--seconds: inf is more than 20, the model's longest"),
    "a rate too high": (_told("--learning-rate", "inf"), 2, "--learning-rate: inf is none; it must be above 0 and at "),
    "no rate": (_told("--learning-rate", "nan"), 2, "--learning-rate: nan is none"),
    "too wide adapters": (_told("--lora", "999"), 2, "--lora: 999 is more than 32, the width of the narrowest layer"),
    "no such precision": (_told("--precision", "int4"), 1, "precision int4 is unknown"),
    "an option of the embedded model": (_told("--tokens", "96"), 2, "--tokens: has no effect for an audio model"),
    "a start": (_told("--start", "x"), 2, "--start: has no effect for an audio model"),
    "an option of audio models": (lambda at, model, music: ["--lora", "8"], 2, "--lora: has no effect without --model"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_input_is_one_line_and_leaves_nothing(fault: str, model: Path, music: Path, tmp_path: Path) -> None:
    make, status, told = FAULTS[fault]
    at = tmp_path / "at"
    at.mkdir()
    arguments = make(at, model, music)
    there = sorted(path.name for path in at.iterdir())
    least = () if "--seconds" in arguments or fault.startswith(("no out", "an option of audio")) else ("--seconds", "4")
    code, line = _refused([*arguments, "--work", str(tmp_path / "work"), "--steps", "1", *least])
    assert (code, told in line) == (status, True), line
    assert sorted(path.name for path in at.iterdir()) == there


def test_too_little_memory_is_one_line_with_advice(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(training: FineTuning, step: int, share: float) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(FineTuning, "step", full)
    done = train(*QUICK, "--steps", "2")
    last = done.output.splitlines()[-1]
    assert (done.exit_code, "memory does not hold 4 crops of 4 s; a smaller --batch " in last) == (1, True), last
    assert "--checkpointing" in last


def test_a_result_that_cannot_be_written_leaves_the_older_one(
    finished: Path, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished, tmp_path / "work")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(StableAudio3DiTModel, "save_pretrained", full)
    done = train(*QUICK, "--steps", "31")
    assert done.exit_code == 2
    assert "v2m: --out: No space left on device" in done.output.splitlines()[-1]
    assert isinstance(read_manifest(tmp_path / "work/out"), AudioManifest)
    assert not [path for path in (tmp_path / "work").iterdir() if "partial" in path.name]
    monkeypatch.undo()
    assert "wrote tiny 1+31." in train(*QUICK, "--steps", "31").output, "nothing has to be trained again"
