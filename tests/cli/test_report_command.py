"""`v2m report` as a user runs it: a process of its own, on the scored demo clip."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from model_core.assets import asset
from model_core.media import mux
from tests.video_factory import make_clip

CLIP = asset("demo/montage.mp4")
CUTS = [2.84, 4.96, 8.48, 10.32, 12.88]


def _v2m(*arguments: str | Path, without: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command; `without` makes one package impossible to import."""
    code = f"import sys; sys.modules[{without!r}] = None; " if without else ""
    code += "from cli.main import app; app(prog_name='v2m')"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo clip with a burst of noise on each of its cuts."""
    rng, rate = np.random.default_rng(0), 44_100
    sound = rng.normal(0, 0.001, (2, round(14.8 * rate))).astype(np.float32)
    for cut in CUTS:
        sound[:, round(cut * rate) : round(cut * rate) + 6000] += rng.normal(0, 0.2, 6000).astype(np.float32)
    path = tmp_path_factory.mktemp("report") / "scored.mp4"
    mux(CLIP, sound, rate, path)
    return path


def test_a_table_and_a_sentence_are_printed_and_files_written(scored: Path, tmp_path: Path) -> None:
    done = _v2m("report", scored, "--json", tmp_path / "a.json", "--picture", tmp_path / "a.png")
    assert done.returncode == 0, done.stderr
    assert "f1_onset" in done.stdout
    assert "5 of 5 changes of the picture" in done.stdout.replace("\n", " ")
    assert json.loads((tmp_path / "a.json").read_text())["figures"]["f1_onset"]["value"] == 1.0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_dash_prints_json_and_nothing_else(scored: Path) -> None:
    done = _v2m("report", scored, "--json", "-", "--events", "2.84,5.9")
    assert [event["time_s"] for event in json.loads(done.stdout)["events"]] == [2.84, 5.9]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--events", "soon"], "--events: 'soon' is not a list of seconds"),
        (["--events", "99"], "--events: must lie within 0 and 14.80 s"),
        (["--picture", "/nowhere/a.png"], "--picture: /nowhere is no folder"),
        (["--picture", "a.jpg"], "--picture: a.jpg must end in .png"),
        (["--json", "/"], "--json:"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(scored: Path, arguments: list[str], says: str) -> None:
    done = _v2m("report", scored, *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_silent_or_missing_video_is_told_so(tmp_path: Path) -> None:
    silent = make_clip(tmp_path / "silent.mp4", duration=3.0)
    assert "video: has no audio stream" in _v2m("report", silent).stderr
    assert "video: there is no file" in _v2m("report", tmp_path / "none.mp4").stderr


def test_without_the_extra_its_name_is_told(scored: Path) -> None:
    done = _v2m("report", scored, without="librosa")
    assert done.returncode == 2
    assert "needs the package librosa: pip install 'v2m-zero[cpu,evaluation]'" in done.stderr.replace("\n", " ")
