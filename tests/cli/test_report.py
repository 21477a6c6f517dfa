"""`v2m report` as a user runs it: a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.report import p_text
from model_core.media import mux
from tests.video_factory import make_clip

RATE = 44_100
CUTS = [1.2, 2.08, 3.64]
SEED = 1  # each cut is far from the strength below which a change is no event


# An entry of None in sys.modules would do for most, but scipy asks whether torch is there by looking for its entry.
_BLOCK = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
from cli.app import app
app(prog_name="v2m")
"""


def _v2m(*arguments: str | Path, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """The command in a process in which the modules `without` cannot be imported."""
    command = [sys.executable, "-c", _BLOCK.format(names=without), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def _here(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command in this process: librosa compiles what it needs but once."""
    done = CliRunner().invoke(app, [*map(str, arguments)])
    return subprocess.CompletedProcess([], done.exit_code, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three cuts with a tone on each."""
    folder = tmp_path_factory.mktemp("report")
    audio = 0.005 * np.random.default_rng(0).standard_normal(5 * RATE)
    after = np.arange(RATE // 2) / RATE
    for cut in CUTS:
        first = round(cut * RATE)
        audio[first : first + len(after)] += 0.6 * np.exp(-9 * after) * np.sin(2 * np.pi * 330 * after)
    path = folder / "scored.mp4"
    mux(
        make_clip(folder / "silent.mp4", CUTS, 5.0, seed=SEED),
        np.stack([audio, audio]).astype(np.float32),
        RATE,
        path,
    )
    return path


def refused(done: subprocess.CompletedProcess[str], named: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert named in done.stderr


def test_the_table_and_the_sentence_need_no_torch_and_write_nothing(scored: Path) -> None:
    before = sorted(scored.parent.iterdir())
    done = _v2m("report", scored, without=("torch",))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "f1_onset" in done.stdout
    assert "tempo heard" in done.stdout
    assert done.stdout.splitlines()[-1].startswith(
        "3 of 3 changes of the picture have a strong onset within 100 ms; chance would give 0."
    )
    assert sorted(scored.parent.iterdir()) == before


def test_json_and_picture_are_written_where_asked(scored: Path, tmp_path: Path) -> None:
    out, picture = tmp_path / "a.json", tmp_path / "a.png"
    done = _here("report", scored, "--events", "1.2,3.0", "--json", out, "--picture", picture)
    assert done.returncode == 0, done.stderr
    told = json.loads(out.read_text())
    assert [event["time_s"] for event in told["events"]] == [1.2, 3.0]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.png"]


def test_json_on_stdout_is_all_there_is(scored: Path) -> None:
    done = _here("report", scored, "--json", "-")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["figures"]["f1_onset"]["value"] == 1.0


def test_a_video_without_sound_says_so(scored: Path) -> None:
    refused(_here("report", scored.parent / "silent.mp4"), "video: The file has no audio stream")


@pytest.mark.parametrize("events", ["a", "", "1,,2", "99", "nan", "-1"])
def test_events_that_are_no_times_of_the_video_are_refused(scored: Path, events: str) -> None:
    refused(_here("report", scored, f"--events={events}"), "--events")


def test_bad_paths_are_told_before_the_work(scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_core.sync.report.measure", None)  # calling it would be a TypeError
    cases: dict[str, list[str | Path]] = {
        "cannot create files in the folder /proc": ["--json", "/proc/a.json"],
        "--picture": ["--picture", tmp_path],
        "must end in .png": ["--picture", tmp_path / "a.jpg"],
        "is the input video": ["--json", scored],
        "already the file of --json": ["--json", tmp_path / "a.png", "--picture", tmp_path / "a.png"],
        "must end in .json": ["--json", tmp_path / "a.txt"],
    }
    for named, options in cases.items():
        refused(_here("report", scored, *options), named)
    refused(_here("report", tmp_path / "missing.mp4"), "video: there is no file")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_line(scored: Path, tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to("/dev/full")
    done = _here("report", scored, "--json", tmp_path / "a.json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"v2m: cannot write {tmp_path / 'a.json'}: No space left on device\n"


@pytest.mark.parametrize("module", ["librosa", "cv2"])
def test_a_missing_library_is_named_with_what_installs_it(scored: Path, module: str) -> None:
    done = _v2m("report", scored, without=(module,))
    refused(done, f"needs the package {module}")
    assert "make setup-report" in done.stderr
    assert "pip install 'v2m-zero[cpu,evaluation]'" in done.stderr


def test_a_missing_module_of_ours_is_no_users_error(scored: Path) -> None:
    done = _v2m("report", scored, without=("model_core.sync.figures",))
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_p_is_never_told_as_zero() -> None:
    assert [p_text(p) for p in (1 / 2001, 1 / 201, 1.0)] == ["<0.001", "0.005", "1.000"]


def test_help_needs_none_of_the_libraries() -> None:
    done = _v2m("report", "--help", without=("torch", "numpy", "librosa", "matplotlib", "cv2", "mir_eval", "scipy"))
    assert done.returncode == 0, done.stderr
    assert "--picture" in done.stdout
