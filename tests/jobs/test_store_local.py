"""Storage backend on a local disk."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from jobs.infra import processes
from jobs.store import ArtifactStore, MissingArtifactError, StoreError, StoreFullError
from model_core.results import Variant
from tests.conftest import MakeSettings
from tests.jobs.test_store import JOB, publish, put_upload


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(make_settings: MakeSettings, root: Path) -> ArtifactStore:
    return ArtifactStore.open(make_settings(store=f"file://{root}"), processes.new_name())


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_layout(store: ArtifactStore, root: Path) -> None:
    put_upload(store)
    publish(store, 3)
    assert files(root) == [f"jobs/{JOB}/results/3/midi.mid", f"jobs/{JOB}/results/3/video.mp4", f"jobs/{JOB}/upload"]


def test_files_and_folders_are_synced_before_they_count(
    store: ArtifactStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def noted(handle: int) -> None:
        synced.append(os.path.relpath(os.readlink(f"/proc/self/fd/{handle}"), root))
        real(handle)

    monkeypatch.setattr(os, "fsync", noted)
    put_upload(store)
    assert synced[0].startswith("scratch/")
    assert synced[1:] == [f"jobs/{JOB}", "jobs"]
    synced.clear()
    publish(store)
    assert len([name for name in synced if name.startswith("scratch/")]) == 3, "two files and their folder"
    assert synced[3:] == [f"jobs/{JOB}/results", f"jobs/{JOB}", "jobs"]


@pytest.mark.parametrize("call", range(1, 7))
def test_disk_error_at_any_step_leaves_nothing(
    store: ArtifactStore, root: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    calls = 0

    def broken(_handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(StoreFullError, match="No space left"):
        publish(store)
    assert files(root) == []
    calls = 0
    if call <= 3:
        with pytest.raises(StoreFullError):
            put_upload(store)
        assert files(root) == []


def test_result_can_be_read_to_its_end_while_it_is_removed(store: ArtifactStore) -> None:
    data = os.urandom(2_000_000)
    artifact = publish(store, data=data)[Variant.VIDEO]
    chunks = store.read(JOB, 1, artifact)
    first = next(chunks)
    store.remove(JOB)
    assert first + b"".join(chunks) == data


def test_result_that_is_shorter_than_its_record_says(store: ArtifactStore, root: Path) -> None:
    artifact = publish(store, data=b"x" * 1000)[Variant.VIDEO]
    os.truncate(root / "jobs" / JOB / "results" / "1" / "video.mp4", 10)
    with pytest.raises(StoreError, match="ends at 10 bytes"):
        b"".join(store.read(JOB, 1, artifact))


def test_missing_store_is_not_a_missing_file(store: ArtifactStore, root: Path) -> None:
    put_upload(store)
    artifact = publish(store)[Variant.VIDEO]
    shutil.rmtree(root)
    for ask in (
        lambda: store.upload(JOB).__enter__(),
        lambda: next(store.read(JOB, 1, artifact)),
        lambda: put_upload(store),
        lambda: publish(store),
        store.check_writable,
        store.free_bytes,
    ):
        with pytest.raises(StoreError) as raised:
            ask()
        assert not isinstance(raised.value, MissingArtifactError)
    assert not root.exists(), "an absent disk is not made up for"


def test_disk_reports_free_bytes(store: ArtifactStore) -> None:
    assert 0 < (store.free_bytes() or 0) <= shutil.disk_usage("/").total * 100


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("file://relative/folder", "absolute"),
        ("ftp://host/x", "must be file"),
        ("/var/lib", "must be file"),
        ("s3://", "must be file"),
    ],
)
def test_address_that_cannot_be_used(make_settings: MakeSettings, url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        ArtifactStore.open(make_settings(store=url), processes.new_name())


def test_root_cannot_be_created(make_settings: MakeSettings, root: Path) -> None:
    root.write_text("a file")
    with pytest.raises(StoreError, match="cannot be created"):
        ArtifactStore.open(make_settings(store=f"file://{root}"), processes.new_name())
