"""The state folder of `v2m up` and its lock belong to one user."""

import subprocess
import sys
from pathlib import Path

import pytest

from cli.stack import StartError, _lock_state_dir
from jobs.infra.settings import Settings
from tests.processes import ROOT, environment


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("names", [[], ["up.lock"], ["redis", "store", "scratch", "up.lock"]])
def test_other_users_cannot_open_the_lock(tmp_path: Path, names: list[str]) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    for name in names:
        (folder / name).touch(0o644)
    folder.chmod(0o755)
    with _lock_state_dir(folder):
        assert (mode(folder), mode(folder / "up.lock")) == (0o700, 0o600)
        with pytest.raises(StartError, match="already running"):
            _lock_state_dir(folder)


def test_a_new_folder_is_for_this_user(tmp_path: Path) -> None:
    with _lock_state_dir(tmp_path / "a" / "state"):
        assert mode(tmp_path / "a" / "state") == 0o700


def test_a_folder_with_other_files_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    tmp_path.chmod(0o755)
    with _lock_state_dir(tmp_path):
        assert (mode(tmp_path), mode(tmp_path / "up.lock")) == (0o755, 0o600)


@pytest.mark.parametrize("command", ["up", "api", "worker"])
def test_an_empty_name_is_refused(settings: Settings, tmp_path: Path, command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", command, "--state", ""],
        cwd=tmp_path, env={**environment(settings), "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--state" in done.stderr
    assert list(tmp_path.iterdir()) == []
