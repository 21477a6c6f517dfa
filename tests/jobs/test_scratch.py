"""Scratch files: complete or removed, and swept up after dead processes."""

import errno
import hashlib
import io
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.infra import processes
from jobs.store import StoreError, StoreFullError
from jobs.store.scratch import Scratch, UploadTooLargeError
from tests.jobs.house import too_deep

DAY_S = 24 * 3600.0


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path, processes.new_name())


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def age(path: Path, seconds: float) -> None:
    for found in [*path.rglob("*"), path]:
        os.utime(found, (time.time() - seconds,) * 2)


def test_file_is_whole_and_gone_after_the_block(scratch: Scratch, tmp_path: Path) -> None:
    with scratch.file(io.BytesIO(b"a" * 3_000_000), 3_000_000) as path:
        assert path.read_bytes() == b"a" * 3_000_000
    assert files(tmp_path) == []


def test_chunks_are_passed_to_the_callback(scratch: Scratch) -> None:
    data, digest = os.urandom(2_500_000), hashlib.sha256()
    with scratch.file(io.BytesIO(data), len(data), digest.update):
        assert digest.digest() == hashlib.sha256(data).digest()


def test_file_may_be_moved_away_within_the_block(scratch: Scratch, tmp_path: Path) -> None:
    with scratch.file(io.BytesIO(b"abc"), 3) as path:
        path.rename(tmp_path / "kept")
    assert files(tmp_path) == ["kept"]


def test_file_over_the_limit_leaves_nothing(scratch: Scratch, tmp_path: Path) -> None:
    with pytest.raises(UploadTooLargeError), scratch.file(io.BytesIO(b"a" * 1001), 1000):
        pytest.fail("the block must not run")
    assert files(tmp_path) == []


def test_errors_of_the_block_are_not_translated(scratch: Scratch, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="ours"), scratch.file(io.BytesIO(b"a"), 1000):
        raise OSError("ours")
    with pytest.raises(OSError, match="ours"), scratch.folder("job"):
        raise OSError("ours")
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, StoreFullError), (errno.EDQUOT, StoreFullError), (errno.EIO, StoreError)]
)
def test_full_disk(scratch: Scratch, tmp_path: Path, number: int, kind: type[StoreError]) -> None:
    class Broken(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise OSError(number, os.strerror(number))

    with pytest.raises(StoreError, match=os.strerror(number)) as raised, scratch.file(Broken(), 9):
        pytest.fail("the block must not run")
    assert type(raised.value) is kind
    assert files(tmp_path) == []


def test_folder_goes_with_what_is_in_it(scratch: Scratch, tmp_path: Path) -> None:
    with scratch.folder("job") as path:
        (path / "deep").mkdir()
        (path / "deep" / "file").write_text("x")
    assert files(tmp_path) == []
    assert not path.exists()


def test_root_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot be created"):
        Scratch(tmp_path / "file" / "scratch", "somebody")


def test_root_that_went_away(scratch: Scratch, tmp_path: Path) -> None:
    scratch.check_writable()
    assert files(tmp_path) == []
    shutil.rmtree(tmp_path)
    with pytest.raises(StoreError):
        scratch.check_writable()
    with pytest.raises(StoreError), scratch.folder("job"):
        pytest.fail("the block must not run")
    with pytest.raises(StoreError):
        scratch.sweep(DAY_S)
    with pytest.raises(StoreError):
        scratch.free_bytes()


def test_swept_folder_is_created_again(scratch: Scratch, tmp_path: Path) -> None:
    for _ in range(2):
        with scratch.folder("job") as path:
            assert path.is_dir()
        path.parent.rmdir()
    assert list(tmp_path.iterdir()) == []


def test_sweep_removes_files_of_dead_processes_at_once(scratch: Scratch, tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = tmp_path / f"{processes.machine()}-{ended.pid}-00000000"
    elsewhere = tmp_path / "0123456789ab-1-00000000"
    for owner in (dead, elsewhere):
        (owner / "job-1").mkdir(parents=True)
        (owner / "job-1" / "part").write_text("x")
    sibling = Scratch(tmp_path, processes.new_name())
    with scratch.folder("job") as ours, sibling.folder("job") as theirs:
        scratch.sweep(DAY_S)
        assert ours.is_dir()
        assert theirs.is_dir(), "the same process number, and yet no predecessor"
    assert not dead.exists()
    assert files(tmp_path) == [f"{elsewhere.name}/job-1/part"]


def test_sweep_removes_old_files(scratch: Scratch, tmp_path: Path) -> None:
    elsewhere = tmp_path / "0123456789ab-1-00000000"
    for name in ("idle", "busy"):
        (elsewhere / name).mkdir(parents=True)
        (elsewhere / name / "part").write_text("x")
    (elsewhere / "file").write_text("x")
    age(elsewhere, 2 * DAY_S)
    (elsewhere / "busy" / "part").write_text("more")
    scratch.sweep(DAY_S)
    assert files(tmp_path) == [f"{elsewhere.name}/busy/part"], "a file that grows keeps its folder"
    age(elsewhere, 2 * DAY_S)
    scratch.sweep(DAY_S)
    age(elsewhere, 2 * DAY_S)
    scratch.sweep(DAY_S)
    assert not elsewhere.exists()


def test_unreadable_folder_does_not_block_others(scratch: Scratch, tmp_path: Path) -> None:
    others = [tmp_path / f"0123456789ab-1-0000000{number}" for number in range(3)]
    too_deep(others[1])
    for owner in (others[0], others[2]):
        owner.mkdir()
        (owner / "part").write_text("x")
        age(owner, 2 * DAY_S)
    scratch.sweep(DAY_S)
    assert files(tmp_path / others[0].name) == files(tmp_path / others[2].name) == []
    assert others[1].is_dir()


def test_free_bytes_of_the_disk(scratch: Scratch, tmp_path: Path) -> None:
    assert 0 < scratch.free_bytes() <= shutil.disk_usage(tmp_path).total
