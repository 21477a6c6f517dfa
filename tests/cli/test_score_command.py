"""`v2m score` and `v2m curve` as a user runs them: a process of its own, paths, one line when something is wrong."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.app import app
from model_core.assets import asset
from model_core.errors import InputError
from model_core.media import mux, probe, video_packets_digest
from model_core.models.registry import MODEL_KINDS
from model_core.models.score.model import ScoreSettings
from model_core.models.stable_audio.model import AudioSettings
from model_core.options import ProgressCallback, ScoreOptions, check_supported
from tests.video_factory import make_clip

CLIP = asset("demo/montage.mp4")


def _v2m(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_score_writes_what_was_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "scored.mp4"
    done = _v2m(
        "score", CLIP, "--prompt", "lofi beats", "-o", out, "--seed", "3",
        "--wav", tmp_path / "a.wav", "--midi", tmp_path / "a.mid", "--report", tmp_path / "a.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(out)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.mid", "a.wav", "scored.mp4"]
    assert video_packets_digest(out) == video_packets_digest(CLIP)
    assert probe(out).audio_codec == "aac"
    report = json.loads((tmp_path / "a.json").read_text())
    assert report["options"]["seed"] == 3
    assert report["music"]["key"].endswith(f" {report['music']['mode']}")


def test_curve_finds_the_known_cuts() -> None:
    done = _v2m("curve", CLIP, "--json")
    events = [event["time_s"] for event in json.loads(done.stdout)["events"]]
    known = json.loads(asset("demo/cuts.json").read_text())["cuts"]
    assert all(min(abs(event - cut) for event in events) < 0.1 for cut in known)
    assert len(_v2m("curve", CLIP).stdout.splitlines()) == len(events)


class _Soundtrack:
    """Writes the files of a score, or fails as a full disk does."""

    def __init__(self, full: bool) -> None:
        self._full = full

    def write(self, _video: Path, folder: Path, progress: ProgressCallback) -> dict[str, Path]:
        if self._full:
            raise OSError(28, "No space left on device", str(folder / "video.mp4"))
        progress("mux", 1.0)
        for name in ("video", "audio", "report"):
            (folder / name).write_text(name)
        return {name: folder / name for name in ("video", "audio", "report")}


class _Pipeline:
    """Scores in no time; the next result is written to a full disk where ``full`` is set."""

    full = False

    @classmethod
    def load(cls, _model: Path | None, _runtime: object) -> type["_Pipeline"]:
        return cls

    @classmethod
    def score_video(cls, *_: object) -> _Soundtrack:
        return _Soundtrack(cls.full)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> type[_Pipeline]:
    """`v2m score` without a model."""
    monkeypatch.setattr("model_core.pipeline.Pipeline", _Pipeline)
    monkeypatch.setattr(_Pipeline, "full", False)
    return _Pipeline


def _here(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [*map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.usefixtures("quick")
def test_missing_folders_are_created_and_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "clip.mp4", cuts=[], duration=1.0), tmp_path / "a" / "b" / "out.mp4"
    command = ("score", clip, "-o", out, "--wav", tmp_path / "c" / "a.wav")
    assert _here(*command) == (0, f"{out}\n", "")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "a.wav", "b", "c", "clip.mp4", "out.mp4"]
    out.write_text("mine")
    status, _, told = _here(*command)
    assert (status, told) == (
        2, f"v2m: --output: {out} already exists. Use another name, or --force to overwrite it.\n"
    )  # fmt: skip
    assert out.read_text() == "mine"
    assert _here(*command, "--force")[0] == 0
    assert out.read_text() == "video"


def test_a_full_disk_is_one_line_and_leaves_nothing(quick: type[_Pipeline], tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "clip.mp4", cuts=[], duration=1.0), tmp_path / "out.mp4"
    quick.full = True
    assert _here("score", clip, "-o", out) == (1, "", f"v2m: cannot write {out}: No space left on device\n")
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.usefixtures("quick")
def test_a_second_output_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", cuts=[], duration=1.0)
    told = _here("score", clip, "-o", tmp_path / "out.mp4", "--report", "/dev/full")
    assert told == (1, "", "v2m: cannot write /dev/full: No space left on device\n")


@pytest.mark.usefixtures("quick")
def test_the_loss_of_the_original_sound_is_announced(tmp_path: Path) -> None:
    silent = make_clip(tmp_path / "silent.mp4", cuts=[], duration=1.0)
    loud = tmp_path / "loud.mp4"
    mux(silent, np.zeros((2, 44_100), np.float32), 44_100, loud)
    note = "v2m: the original sound of the video is replaced by the music.\n"
    assert _here("score", loud, "-o", tmp_path / "a.mp4")[2] == note
    assert _here("score", silent, "-o", tmp_path / "b.mp4")[2] == ""


@pytest.mark.usefixtures("quick")
def test_a_device_that_the_embedded_model_ignores_is_announced(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", cuts=[], duration=1.0)
    status, _, told = _here("score", clip, "-o", tmp_path / "a.mp4", "--device", "cuda:0")
    assert (status, told) == (0, "v2m: --device and --precision have no effect: this model runs on the CPU.\n")
    assert _here("score", clip, "-o", tmp_path / "b.mp4", "--device", "cpu", "--precision", "float32")[2] == ""


def test_options_that_a_kind_of_model_lacks_are_the_models_own() -> None:
    """What `v2m score` refuses before it loads a model is what the model would refuse."""
    score, audio = ({field.name for field in fields(kind)} for kind in (ScoreSettings, AudioSettings))
    everything = set(ScoreOptions.model_fields)
    score_unsupported = MODEL_KINDS.get("embedded-score").unsupported_options
    audio_unsupported = MODEL_KINDS.get("stable-audio-3").unsupported_options
    assert everything - score == score_unsupported
    assert everything - audio == audio_unsupported
    check_supported(ScoreOptions(negative_prompt="  "), score_unsupported)
    with pytest.raises(InputError, match="sync"):
        check_supported(ScoreOptions(sync=0.0), audio_unsupported)


def _text(tmp_path: Path) -> Path:
    path = tmp_path / "note.mp4"
    path.write_text("not a video")
    return path


@pytest.mark.parametrize("command", ["score", "curve"])
def test_a_bad_file_is_one_line_and_status_2(command: str, tmp_path: Path) -> None:
    output: list[str | Path] = ["-o", tmp_path / "out.mp4"] if command == "score" else []
    for video in (_text(tmp_path), tmp_path / "missing.mp4"):
        done = _v2m(command, video, *output)
        assert done.returncode == 2
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
        assert "video" in done.stderr
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [(["--prompt", "x" * 1001], "prompt"), (["--seed", "-1"], "seed"), (["--curve-guidance", "99"], "curve-guidance")],
)
def test_bad_options_name_themselves(options: list[str], named: str, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", cuts=[], duration=1.0)
    done = _v2m("score", clip, "-o", tmp_path / "out.mp4", *options)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert named in done.stderr


def test_targets_that_cannot_be_written_are_told_before_the_work(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", cuts=[], duration=1.0)
    good = tmp_path / "out.mp4"
    cases: dict[str, list[str | Path]] = {
        "--output": ["-o", "/proc/out.mp4"],
        "--wav": ["-o", good, "--wav", "/proc/a.wav"],
        "--midi": ["-o", good, "--midi", tmp_path],
        "is the input video": ["-o", clip],
        "already the file of --output": ["-o", good, "--report", good],
        "for this video it must end in .mp4": ["-o", tmp_path / "out.webm"],
        "--device: must be auto, cpu, cuda or cuda:N, not gpu": ["-o", good, "--device", "gpu"],
        "--precision: must be auto, bfloat16 or float32, not foo": ["-o", good, "--precision", "foo"],
        "--negative-prompt: this model does not support it": ["-o", good, "--negative-prompt", "drums"],
    }
    for named, arguments in cases.items():
        done = _v2m("score", clip, *arguments)
        assert done.returncode == 2, named
        assert named in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
