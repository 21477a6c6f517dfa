"""`v2m score` and `v2m curve` as a user runs them: a process of its own, paths, one line when something is wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from model_core.assets import asset
from model_core.media import probe, video_packets_digest
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
    assert json.loads((tmp_path / "a.json").read_text())["options"]["seed"] == 3


def test_curve_finds_the_known_cuts() -> None:
    done = _v2m("curve", CLIP, "--json")
    events = [event["time_s"] for event in json.loads(done.stdout)["events"]]
    known = json.loads(asset("demo/cuts.json").read_text())["cuts"]
    assert all(min(abs(event - cut) for event in events) < 0.1 for cut in known)
    assert len(_v2m("curve", CLIP).stdout.splitlines()) == len(events)


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
        "--output": ["-o", tmp_path / "nowhere" / "out.mp4"],
        "--wav": ["-o", good, "--wav", tmp_path / "nowhere" / "a.wav"],
        "--midi": ["-o", good, "--midi", tmp_path],
        "overwrite": ["-o", clip],
        ".mp4": ["-o", tmp_path / "out.webm"],
    }
    for named, arguments in cases.items():
        done = _v2m("score", clip, *arguments)
        assert done.returncode == 2, named
        assert named in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
