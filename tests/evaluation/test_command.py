"""The study and the picture as they are run, small: one short clip, every system that needs no download."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from model_core.evaluation.__main__ import footage, parser


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "model_core.evaluation", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow  # half a minute: seven systems, each against 200 others
def test_the_study_of_one_clip_makes_the_page(tmp_path: Path) -> None:
    out = tmp_path / "evaluation.md"
    asked: list[str | Path] = [
        "study",
        "--clips",
        "1",
        "--work",
        tmp_path,
        "--media",
        tmp_path,
        "--out",
        out,
        "--pictures",
        tmp_path,
    ]
    done = _run(*asked)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(out)]
    runs = [json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
    assert len({run["system"] for run in runs}) == len(runs) == 7
    assert all(len(run["figures"]["f1_onset"]["null"]) == 200 for run in runs)
    text = out.read_text()
    assert "make evaluate (1 clips)" in text
    assert all(f"| {run['system']} |" in text for run in runs)
    assert (tmp_path / "systems.png").is_file()
    assert (tmp_path / "offsets.png").is_file()


@pytest.mark.slow  # half a minute: scores the demo clip; plots are drawn in test_pages
def test_the_picture_is_drawn_of_a_scored_clip(tmp_path: Path) -> None:
    done = _run("picture", "--out", tmp_path / "sync.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "sync.png").stat().st_size > 50_000


def test_footage_is_known_by_its_names(tmp_path: Path) -> None:
    for name in ("bikes.mp4", "cityCC0.mpg", "notes.txt"):
        (tmp_path / name).touch()
    assert footage(tmp_path) == {"bikes": tmp_path / "bikes.mp4", "cityCC0": tmp_path / "cityCC0.mpg"}


def test_a_command_is_needed() -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([])
