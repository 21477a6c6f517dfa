"""`v2m train curve --model`: music teaches a model to follow curves; what a kill costs; and every bad input."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from diffusers import StableAudio3DiTModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from cli.main import app
from model_core.model_folder.manifest import AudioManifest, digests_of, read_manifest
from model_core.musicians.audio import AudioMusician
from model_core.runtime import Runtime
from model_core.training.audio.train import FineTuning
from tests.processes import ROOT, until
from tests.stable_audio.tiny_base import tiny_base
from tests.training.audio.conftest import QUICK, Train, run
from tests.training.audio.loud_music import write_music
from tests.training.event_files import scalars

LEARNING = {
    "lora": ("--lora", "8", "--learning-rate", "5e-3"),
    "full": ("--lora", "0", "--learning-rate", "3e-3"),
}


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(next((folder / "transformer").glob("*.safetensors")))


def _refused(arguments: list[str]) -> tuple[int, str]:
    """Exit status and the one line that is told, of a run that must not get far."""
    done = CliRunner().invoke(app, ["train", "curve", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    lines = [line for line in done.output.splitlines() if line.startswith("v2m: ")]
    assert len(lines) == 1, done.output
    assert done.output.splitlines()[-1] == lines[0]
    return done.exit_code, lines[0].removeprefix("v2m: ")


@pytest.mark.parametrize("kind", LEARNING)
def test_music_teaches_a_model_what_the_curve_means(kind: str, train: Train, tmp_path: Path) -> None:
    """Loud hits in quiet music: where they are is all that the curve tells, and all that it can be worth."""
    settings = ("--steps", "300", "--seconds", "4", "--batch", "8", "--listen-every", "0")
    done = train(*settings, "--validate-every", "150", *LEARNING[kind])
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "work/audio-curve/result.json").read_text())
    assert result["gain"]["items"] == 6
    for gain in ("gain", "gain_of_time"):
        assert result[gain]["low"] > 0.02, f"the interval of the {gain} leaves out 0"
    assert result["losses"]["held out"] < result["losses"]["held out without curve"]
    assert "held-out loss is less with the curve than without by 0." in done.output
    told = scalars(tmp_path / "work/logs/audio-curve")
    first, last = (dict(zip(told, (told[name][at][1] for name in told), strict=True)) for at in (0, -1))
    assert first["held_out"] == pytest.approx(first["held_out_without_curve"], rel=1e-4), "at first it means nothing"
    assert last["held_out"] < last["held_out_without_curve"] < first["held_out"]


@pytest.fixture(scope="module")
def finished(model: Path, music: Path, cached: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder in which a short run is through."""
    work = tmp_path_factory.mktemp("finished")
    shutil.copytree(cached / "music", work / "music")
    listening = ("--listen-every", "20", "--validate-every", "15", "--steps", "30")
    done = run(model, music, work / "out", work, *QUICK, *listening)
    assert done.exit_code == 0, done.output
    assert "audio-curve: wrote tiny 1+30." in done.output.splitlines()[-1]
    return work


def test_the_result_is_a_model_folder_that_plays(finished: Path) -> None:
    musician = AudioMusician.load(finished / "out", Runtime(device="cpu"))
    manifest = musician.model.manifest
    assert manifest.curve.trained
    assert (manifest.name, manifest.version[:5]) == ("tiny", "1+30.")
    assert manifest.licence == "CC0-1.0"
    report = json.loads((finished / "audio-curve/result.json").read_text())
    assert (report["version"], report["steps"]) == (manifest.version, 30)


def test_only_what_was_trained_differs_from_the_base(model: Path, finished: Path) -> None:
    before, after = _weights(model), _weights(finished / "out")
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    parts = ("to_local_embed", "self_attn.to_", "cross_attn.to_", "ff.proj_")
    blocks = {name for name in before if name.startswith("transformer_blocks") and any(part in name for part in parts)}
    assert changed == {name for name in blocks if not (name.endswith("bias") and "ff." in name)}
    curve_columns = [weight[:, -2:] for name, weight in after.items() if name.endswith("to_local_embed.0.weight")]
    assert all(columns.abs().min() > 0 for columns in curve_columns)
    files = {name: digest for name, digest in digests_of(model).items() if not name.startswith("transformer/")}
    assert files.items() <= digests_of(finished / "out").items()


def test_the_trained_weights_are_kept_by_themselves(finished: Path) -> None:
    path = finished / "audio-curve/trained.safetensors"
    with safe_open(path, "pt") as file:
        names = set(file.keys())
        about = file.metadata()
    assert about["rank"] == "4"
    assert about["version"].startswith("1+30.")
    assert all("lora_" in name or "to_local_embed" in name for name in names)
    assert len(names) == 2 * (2 * 7 + 4)


def test_the_training_can_be_watched(finished: Path) -> None:
    told = scalars(finished / "logs/audio-curve")
    losses = {"loss", "held_out", "held_out_without_curve", "held_out_with_it_shifted"}
    heard = {"r_with_its_curve", "r_with_others"}
    assert set(told) == losses | heard | {"learning_rate", "steps/s"}
    assert [step for step, _ in told["loss"]] == [1, 16, 30]
    assert [step for step, _ in told["r_with_its_curve"]] == [1, 30]
    lines = (finished / "logs/audio-curve.log").read_text().splitlines()
    assert lines[-5] == "done after 30 steps"
    assert lines[-4].startswith("held-out loss is less with the curve than without by ")
    assert "95 % interval" in lines[-3]
    assert [line.rpartition(" ")[0] for line in lines[-2:]] == ["r with its curve", "r with others"]


def test_a_killed_training_goes_on_to_the_same_weights(
    model: Path, music: Path, finished: Path, train: Train, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    shutil.copytree(finished / "music", work / "music")
    arguments = (*QUICK, "--steps", "30", "--validate-every", "15", "--save-every", "0")
    told = ("--model", str(model), "--data", str(music), "--out", str(work / "out"), "--work", str(work))
    command = [sys.executable, "-W", "ignore", "-m", "cli.main", "train", "curve", *told, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        until((work / "checkpoints/audio-curve.pt").exists, "the first checkpoint")
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (work / "out").exists()
    done = train(*arguments)
    assert "audio-curve: goes on at step " in done.output
    assert digests_of(work / "out") == digests_of(finished / "out")
    assert read_manifest(work / "out") == read_manifest(finished / "out")


def test_a_finished_training_is_not_done_again_but_goes_on_to_a_higher_limit(
    finished: Path, train: Train, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    shutil.copytree(finished, work)
    again = train(*QUICK, "--steps", "30")
    assert "audio-curve: is done" in again.output.splitlines()[-1]
    shutil.rmtree(work / "out")
    assert "audio-curve: wrote tiny 1+30." in train(*QUICK, "--steps", "30").output
    assert digests_of(work / "out") == digests_of(finished / "out")
    more = train(*QUICK, "--steps", "32")
    assert "goes on at step 30" in more.output
    assert "wrote tiny 1+32." in more.output
    fresh = train(*QUICK, "--steps", "2", "--fresh")
    assert "goes on" not in fresh.output
    assert "wrote tiny 1+2." in fresh.output


def test_a_stopped_training_says_how_to_go_on(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = FineTuning.step

    def stopped(training: FineTuning, number: int, share: float) -> float:
        if number == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(training, number, share)

    monkeypatch.setattr(FineTuning, "step", stopped)
    done = train(*QUICK, "--minutes", "60")
    assert done.exit_code == 130
    assert "stopped after 4 steps; the same command goes on from there" in done.output.splitlines()[-1]
    assert not (tmp_path / "work/out").exists()


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


def test_a_taught_model_can_be_taught_further(finished: Path, music: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "music", tmp_path / "work/music")
    done = run(finished / "out", music, tmp_path / "further", tmp_path / "work", *QUICK, "--steps", "2")
    assert done.exit_code == 0, done.output
    assert "(12 kept, 0 made, 0 skipped)" in done.output, "codec and encoders are the same"
    manifest = read_manifest(tmp_path / "further")
    assert manifest.version.startswith("1+2.")


def test_the_precision_of_the_folder_is_kept(model: Path, music: Path, finished: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    shutil.copytree(model, half)
    path = next((half / "transformer").glob("*.safetensors"))
    kept = {name: weight if "inv_freq" in name else weight.bfloat16() for name, weight in load_file(path).items()}
    save_file(kept, path, {"format": "pt"})
    _sign(half)
    shutil.copytree(finished / "music", tmp_path / "work/music")
    arguments = (*QUICK, "--steps", "2", "--precision", "bfloat16", "--checkpointing")
    done = run(half, music, tmp_path / "out", tmp_path / "work", *arguments)
    assert done.exit_code == 0, done.output
    after = _weights(tmp_path / "out")
    assert {name: weight.dtype for name, weight in after.items()} == {name: w.dtype for name, w in kept.items()}
    assert torch.equal(after["proj_in.weight"], kept["proj_in.weight"])
    assert not torch.equal(
        after["transformer_blocks.0.ff.proj_in.weight"], kept["transformer_blocks.0.ff.proj_in.weight"]
    )


def test_a_distilled_model_is_told_what_it_loses(model: Path, music: Path, finished: Path, tmp_path: Path) -> None:
    distilled = tmp_path / "distilled"
    shutil.copytree(model, distilled)
    path = distilled / "scheduler/scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "stochastic_sampling": True}))
    _sign(distilled)
    shutil.copytree(finished / "music", tmp_path / "work/music")
    done = run(distilled, music, tmp_path / "out", tmp_path / "work", *QUICK, "--steps", "1")
    assert "audio-curve: tiny 1 is distilled, and will lose some of that" in done.output
    assert "distilled" not in (finished / "logs/audio-curve.log").read_text()


def test_a_loss_that_is_no_number_any_more_ends_the_training(train: Train, tmp_path: Path) -> None:
    done = train(*QUICK, "--learning-rate", "1e30", "--steps", "50")
    last = done.output.splitlines()[-1]
    assert (done.exit_code, last.startswith("v2m: --learning-rate: 1e+30 is too high: at step ")) == (2, True), last
    assert not (tmp_path / "work/out").exists()


def _sign(folder: Path) -> None:
    manifest = json.loads((folder / "v2m.json").read_text())
    (folder / "v2m.json").write_text(json.dumps({**manifest, "sha256": digests_of(folder)}))


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
    "no model": (lambda at, model, music: ["--data", str(music)], 2, "--model: goes with --data and --out"),
    "no out": (lambda at, model, music: ["--model", str(model), "--data", "x"], 2, "--model: goes with --data"),
    "no such model": (_with(model="x"), 1, "cannot read v2m.json"),
    "no music folder": (_with(data="x"), 2, "--data: "),
    "no music": (_empty, 2, "--data: there is no music in "),
    "no music that can be read": (_no_sound, 2, "--data: no file in "),
    "one track": (_short_music, 2, "at least two are needed"),
    "a base": (_base, 1, "takes no curve yet; make a model folder of it by `v2m model init`"),
    "a score model": (_score_model, 1, "kind is embedded-score, not an audio model's"),
    "no folder for the result": (_told(out="nowhere/out"), 2, "--out: there is no folder "),
    "the model itself": (_itself, 2, "--out: "),
    "no place for a model": (_something_else, 1, "is no model folder, and will not be replaced by one"),
    "too long a crop": (_told("--seconds", "21"), 2, "--seconds: 21 is more than 20, the model's longest"),
    "no such precision": (_told("--precision", "int4"), 1, "precision int4 is none"),
    "an option of the embedded model": (_told("--tokens", "96"), 2, "--tokens: means nothing to an audio model"),
    "a start": (_told("--start", "x"), 2, "--start: means nothing to an audio model"),
    "an option of audio models": (lambda at, model, music: ["--lora", "8"], 2, "--lora: means nothing without --model"),
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


def test_two_processes_train_as_one_and_stop_as_one(model: Path, music: Path, cached: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    shutil.copytree(cached / "music", work / "music")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = ("--model", str(model), "--data", str(music), "--out", str(work / "out"), "--work", str(work))

    def started(*arguments: str) -> list[subprocess.Popen[str]]:
        both = []
        for rank in range(2):
            placed = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
            quick = {"MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
            command = [sys.executable, "-W", "ignore", "-m", "cli.main", "train", "curve", *told, *QUICK, *arguments]
            environment = {**os.environ, **placed, **quick}
            both.append(
                subprocess.Popen(
                    command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
                )
            )
        return both

    both = started("--steps", "100000", "--save-every", "0")
    until((work / "checkpoints/audio-curve.pt").exists, "the first checkpoint")
    both[1].terminate()  # the one that keeps nothing
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [130, 130], said
    assert "stopped after " in said[0][0].splitlines()[-1]
    assert said[1][0] == ""
    steps = int(said[0][0].splitlines()[-1].split()[3])
    both = started("--steps", str(steps + 3))
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert f"goes on at step {steps}" in said[0][0]
    assert f"wrote tiny 1+{steps + 3}." in said[0][0]
    alone = run(model, music, work / "out", work, *QUICK, "--steps", str(steps + 4))
    assert "was made with processes 2, not 1" in alone.output.splitlines()[-1]


def test_several_processes_are_limited_by_steps_alone(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Accelerator, "num_processes", 2)
    done = train(*QUICK, "--minutes", "1")
    told = "v2m: --minutes: several processes would come to different ends; use --steps"
    assert (done.exit_code, done.output.splitlines()[-1]) == (2, told)
