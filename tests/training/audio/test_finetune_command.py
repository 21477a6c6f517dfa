"""`v2m train curve --model`: music teaches a model to follow curves; what is left of it; what a kill costs."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from model_core.models.folder.manifest import compute_digests
from model_core.models.registry import read_manifest
from model_core.models.stable_audio.folder import read_audio_manifest
from model_core.models.stable_audio.model import StableAudioModel
from model_core.runtime import Runtime
from model_core.training.audio.train import FineTuning
from tests.processes import ROOT, until
from tests.training.audio.conftest import QUICK, Train, run
from tests.training.audio.following import followed
from tests.training.event_files import scalars

LEARNING = {
    "lora": ("--lora", "8", "--learning-rate", "5e-3"),
    "full": ("--lora", "0", "--learning-rate", "3e-3"),
}


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(next((folder / "transformer").glob("*.safetensors")))


@pytest.mark.parametrize(
    "kind",
    ["lora", pytest.param("full", marks=pytest.mark.slow)],  # ten seconds each, and the same way through the command
)
def test_music_teaches_a_model_what_the_curve_means(kind: str, train: Train, tmp_path: Path) -> None:
    """Loud hits in quiet music: where they are is all that the curve tells, and all that it can be worth."""
    settings = ("--steps", "300", "--seconds", "4", "--batch", "8", "--listen-every", "0")
    done = train(*settings, "--validate-every", "150", *LEARNING[kind])
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "work/audio-curve/result.json").read_text())
    assert (result["gain"]["crops"], result["gain"]["tracks"]) == (8, 4)
    for gain in ("gain", "gain_of_time"):
        assert result[gain]["low"] > 0.02, f"the interval of the {gain} leaves out 0"
    assert result["losses"]["held out"] < result["losses"]["held out without curve"]
    assert "held-out loss is less with the curve than without by 0." in done.output
    assert read_audio_manifest(tmp_path / "work/out").curve.trained
    assert "does not follow" not in done.output
    told = scalars(tmp_path / "work/logs/audio-curve")
    first, last = (dict(zip(told, (told[name][at][1] for name in told), strict=True)) for at in (0, -1))
    assert first["held_out"] == pytest.approx(first["held_out_without_curve"], rel=1e-4), "at first it means nothing"
    assert abs(first["gain_of_time_at_0.98"]) < 1e-3
    assert last["gain_of_time_at_0.98"] > 0.05, "also where a sampler decides where events fall"
    assert last["held_out"] < last["held_out_without_curve"] < first["held_out"]
    own, others = followed(tmp_path / "work/out", curve_guidance=2.0, takes=8)
    assert own > 0.6, "new music changes where its curve says"
    assert own > others + 0.4, "and not where another's does"


def test_the_result_is_a_model_folder_that_plays(finished: Path) -> None:
    musician = StableAudioModel.load(finished / "out", Runtime(device="cpu"))
    manifest = musician.model.manifest
    assert (manifest.name, manifest.version[:5]) == ("tiny", "1+30.")
    assert manifest.licence == "CC0-1.0"
    report = json.loads((finished / "audio-curve/result.json").read_text())
    assert (report["version"], report["steps"]) == (manifest.version, 30)
    assert manifest.curve.trained == (report["gain_of_time"]["low"] > 0)


def test_only_what_was_trained_differs_from_the_base(model: Path, finished: Path) -> None:
    before, after = _weights(model), _weights(finished / "out")
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    parts = ("to_local_embed", "self_attn.to_", "cross_attn.to_", "ff.proj_")
    blocks = {name for name in before if name.startswith("transformer_blocks") and any(part in name for part in parts)}
    assert changed == {name for name in blocks if not (name.endswith("bias") and "ff." in name)}
    curve_columns = [weight[:, -2:] for name, weight in after.items() if name.endswith("to_local_embed.0.weight")]
    assert all(columns.abs().min() > 0 for columns in curve_columns)
    files = {name: digest for name, digest in compute_digests(model).items() if not name.startswith("transformer/")}
    assert files.items() <= compute_digests(finished / "out").items()


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
    losses = {"loss", "held_out", "held_out_without_curve", "held_out_with_it_shifted", "gain_of_time_at_0.98"}
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
    assert compute_digests(work / "out") == compute_digests(finished / "out")
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
    assert compute_digests(work / "out") == compute_digests(finished / "out")
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


def test_a_taught_model_can_be_taught_further(finished: Path, music: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "music", tmp_path / "work/music")
    done = run(finished / "out", music, tmp_path / "further", tmp_path / "work", *QUICK, "--steps", "2")
    assert done.exit_code == 0, done.output
    assert "(16 kept, 0 made, 0 skipped)" in done.output, "codec and encoders are the same"
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


@pytest.mark.parametrize("was_trained", [False, True])
def test_a_model_that_does_not_follow_is_not_said_to(
    was_trained: bool, model: Path, music: Path, finished: Path, tmp_path: Path
) -> None:
    before = tmp_path / "before"
    shutil.copytree(model, before)
    manifest = json.loads((before / "v2m.json").read_text())
    manifest["curve"]["trained"] = was_trained
    (before / "v2m.json").write_text(json.dumps(manifest))
    shutil.copytree(finished / "music", tmp_path / "work/music")
    rate = ("--learning-rate", "1e-9")  # nothing is learnt
    done = run(before, music, tmp_path / "out", tmp_path / "work", *QUICK, *rate, "--steps", "1")
    assert done.exit_code == 0, done.output
    last = done.output.splitlines()[-1]
    assert "audio-curve: wrote tiny 1+1." in last
    plain = "; the model does not follow the curve yet; its scores will leave it out"
    assert (last.endswith(plain), "; held-out music does not show that it follows" in last) == (
        not was_trained,
        was_trained,
    )
    assert json.loads((tmp_path / "out/v2m.json").read_text())["curve"]["trained"] == was_trained


def _sign(folder: Path) -> None:
    manifest = json.loads((folder / "v2m.json").read_text())
    (folder / "v2m.json").write_text(json.dumps({**manifest, "sha256": compute_digests(folder)}))
