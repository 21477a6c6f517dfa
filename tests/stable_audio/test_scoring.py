"""A video scored by an audio model with the paper's encoders: all of it, from two published layouts to a file."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app
from model_core.errors import CanceledError, InputError
from model_core.media import probe, read_audio, video_packets_digest
from model_core.models.stable_audio.model import StableAudioModel
from model_core.options import STAGES, ScoreOptions
from model_core.pipeline import Pipeline
from model_core.runtime import Runtime
from tests.encoders.tiny import tiny_dinov2, tiny_musicfm
from tests.stable_audio.tiny_base import tiny_base
from tests.stable_audio.tiny_model import tiny_folder
from tests.video_factory import make_clip

LENGTH_S = 4.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder by the command line; its weights count as trained, so that the curve is heard."""
    at = tmp_path_factory.mktemp("paper")
    done = CliRunner().invoke(
        app,
        [
            "model", "init", "--base", str(tiny_base(at / "base")), "--out", str(at / "model"), "--longest", "3",
            "--picture", "dinov2-base", "--picture-from", str(tiny_dinov2(at / "dinov2")),
            "--music", "musicfm", "--music-from", str(tiny_musicfm(at / "musicfm")),
        ],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "has yet to learn to follow it" in done.output
    manifest = json.loads((at / "model/v2m.json").read_text())
    manifest["curve"]["trained"] = True
    (at / "model/v2m.json").write_text(json.dumps(manifest))
    return at / "model"


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("video") / "clip.mp4", cuts=[1.0, 2.5], duration=LENGTH_S)


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> Pipeline:
    return Pipeline.load(folder, Runtime(device="cpu"))


def test_a_video_comes_back_with_sound(folder: Path, video: Path, tmp_path: Path) -> None:
    out, report, wav = tmp_path / "out.mp4", tmp_path / "report.json", tmp_path / "out.wav"
    command = ["score", str(video), "-o", str(out), "--model", str(folder), "--prompt", "drums", "--steps", "6"]
    files = ["--report", str(report), "--wav", str(wav), "--negative-prompt", "calm piano"]
    done = CliRunner().invoke(app, [*command, *files])
    assert done.exit_code == 0, done.output
    assert video_packets_digest(out) == video_packets_digest(video)
    assert probe(out).audio_codec == "aac"
    sound = read_audio(wav)
    assert sound.shape == (2, round(LENGTH_S * 44100))
    assert sound.std() > 0.01
    told = json.loads(report.read_text())
    assert (told["model"]["name"], told["model"]["kind"]) == ("model", "stable-audio-3")
    assert told["options"]["negative_prompt"] == "calm piano"
    assert told["options"]["text_guidance"] == 7.0
    assert told["music"]["follows_curve"]
    assert told["music"]["windows"] == 2


def test_the_same_asked_again_is_the_same(pipeline: Pipeline, video: Path) -> None:
    first, again, other = (pipeline.score_video(video, "drums", ScoreOptions(seed=s, steps=4)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.audio, again.audio)
    assert np.abs(first.audio - other.audio).max() > 0.01
    assert first.music_curve.encoder == "musicfm"
    assert first.video_curve.encoder == "dinov2-base"
    assert -1 <= first.curve_correlation <= 1


def test_progress_names_every_stage_and_each_step_can_stop_it(pipeline: Pipeline, video: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []
    made = pipeline.score_video(video, "", ScoreOptions(steps=4), lambda *step: seen.append(step))
    paths = made.write(video, tmp_path, lambda *step: seen.append(step))
    assert list(dict.fromkeys(stage for stage, _ in seen)) == list(STAGES)
    assert sum(stage == "generate" for stage, _ in seen) == 10, "each step of both windows, and the end of each"
    assert set(paths) == {"video", "audio", "curve", "report"}
    for stage in STAGES[:-1]:

        def stop(at: str, fraction: float, stage: str = stage) -> None:
            if at == stage:
                raise CanceledError

        with pytest.raises(CanceledError):
            pipeline.score_video(video, "", ScoreOptions(steps=4), stop)


@pytest.mark.parametrize("option", [{"sync": 0.5}, {"redraws": 1}])
def test_what_means_nothing_to_it_is_refused_before_the_video_is_read(
    option: dict[str, float], pipeline: Pipeline, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as refused:
        pipeline.score_video(tmp_path / "missing.mp4", "", ScoreOptions.model_validate(option))
    assert (refused.value.field, refused.value.code) == (next(iter(option)), "not_supported")


def test_what_would_change_nothing_is_refused(pipeline: Pipeline, video: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no effect with a text_guidance of 1"):
        pipeline.check("", ScoreOptions(negative_prompt="drums", text_guidance=1))
    pipeline.check("", ScoreOptions(negative_prompt="  ", text_guidance=1))
    untaught = Pipeline.load(tiny_folder(tmp_path, distilled=True))
    with pytest.raises(InputError, match="not trained to follow"):
        untaught.check("", ScoreOptions(curve_guidance=3))
    with pytest.raises(InputError, match="no effect with a text_guidance of 1"):
        untaught.check("", ScoreOptions(negative_prompt="drums"))
    report = untaught.score_video(video, "tense " * 100, ScoreOptions()).report()
    assert (report["options"]["curve_guidance"], report["music"]["follows_curve"]) == (0.0, False)
    assert report["music"]["prompt_is_cut"]
    assert report["model"]["licence"] == "CC0-1.0"


def test_there_is_no_midi_of_sound(folder: Path, video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    command = ["score", str(video), "-o", str(out), "--model", str(folder), "--midi", str(tmp_path / "out.mid")]
    done = CliRunner().invoke(app, command)
    assert (done.exit_code, done.output) == (2, f"v2m: --midi: the model {folder} makes sound, and writes no notes\n")
    assert list(tmp_path.iterdir()) == []


def test_a_curve_guidance_of_nothing_leaves_the_curve_out(pipeline: Pipeline, video: Path) -> None:
    made = pipeline.score_video(video, "", ScoreOptions(steps=4, curve_guidance=0))
    assert made.report()["music"]["follows_curve"] is False
    assert isinstance(pipeline.model, StableAudioModel)
    assert made.report()["music"]["curve_window_s"] == 2.44
