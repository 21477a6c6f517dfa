"""The artifact store: whole files or none, and no way out of its root."""

import io
import os
import time
from pathlib import Path

import pytest

from jobs.store import ArtifactStore, UploadTooLargeError, Variant

JOB = "0123456789abcdef" * 2
OTHER = "f" * 32


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path)


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def publish(store: ArtifactStore, text: str = "x") -> None:
    with store.workspace(JOB) as work:
        (work / "made.mp4").write_text(text)
        (work / "notes.MID").write_text(text)
        store.publish(JOB, {"video": work / "made.mp4", "midi": work / "notes.MID"})


def keep_upload(store: ArtifactStore, data: bytes = b"abc") -> None:
    with store.receive(io.BytesIO(data), 1000) as received:
        store.keep_upload(received, JOB)


def test_an_upload_arrives_whole(store: ArtifactStore, tmp_path: Path) -> None:
    with store.receive(io.BytesIO(b"a" * 3_000_000), 3_000_000) as received:
        assert received.stat().st_size == 3_000_000
        store.keep_upload(received, JOB)
    assert store.upload(JOB).stat().st_size == 3_000_000
    assert files(tmp_path) == [f"jobs/{JOB}/upload"]


def test_an_upload_over_the_limit_leaves_nothing(store: ArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(UploadTooLargeError), store.receive(io.BytesIO(b"a" * 1001), 1000):
        pytest.fail("the block must not run")
    assert files(tmp_path) == []


def test_an_upload_that_is_refused_leaves_nothing(store: ArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no video"), store.receive(io.BytesIO(b"a"), 1000):
        raise RuntimeError("no video")
    assert files(tmp_path) == []


def test_an_id_is_used_once(store: ArtifactStore, tmp_path: Path) -> None:
    keep_upload(store, b"first")
    with pytest.raises(FileExistsError):
        keep_upload(store, b"second")
    assert store.upload(JOB).read_bytes() == b"first"
    assert files(tmp_path) == [f"jobs/{JOB}/upload"]


def test_results_appear_together_and_workspaces_vanish(store: ArtifactStore, tmp_path: Path) -> None:
    keep_upload(store)
    assert store.artifacts(JOB) == {}
    publish(store)
    found = store.artifacts(JOB)
    assert set(found) == {Variant.VIDEO, Variant.MIDI}
    assert found[Variant.VIDEO].name == "video.mp4"
    assert len(files(tmp_path)) == 3


def test_a_second_attempt_replaces_the_first(store: ArtifactStore) -> None:
    keep_upload(store)
    publish(store, "first")
    publish(store, "second")
    assert store.artifacts(JOB)[Variant.VIDEO].read_text() == "second"


@pytest.mark.parametrize("name", ["vidoe", "../video", "Video", ""])
def test_an_unknown_variant_publishes_nothing(store: ArtifactStore, tmp_path: Path, name: str) -> None:
    keep_upload(store)
    with store.workspace(JOB) as work:
        for file in ("good.mp4", "bad.mp4"):
            (work / file).write_text("x")
        with pytest.raises(ValueError, match="no file of a known variant"):
            store.publish(JOB, {"video": work / "good.mp4", name: work / "bad.mp4"})
    assert store.artifacts(JOB) == {}
    assert files(tmp_path) == [f"jobs/{JOB}/upload"]


def test_a_missing_file_publishes_nothing(store: ArtifactStore) -> None:
    keep_upload(store)
    with store.workspace(JOB) as work, pytest.raises(ValueError, match=r"never\.mp4"):
        store.publish(JOB, {"video": work / "never.mp4"})
    assert store.artifacts(JOB) == {}


@pytest.mark.parametrize("job_id", ["..", "../..", "", "a/b", JOB + "/../x", JOB.upper()])
def test_no_id_leads_out_of_the_root(store: ArtifactStore, tmp_path: Path, job_id: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        store.upload(job_id)
    with pytest.raises(ValueError, match="hexadecimal"):
        store.remove(job_id)
    with pytest.raises(ValueError, match="hexadecimal"), store.workspace(job_id):
        pytest.fail("the block must not run")
    assert files(tmp_path) == []


def test_removal_takes_everything_and_may_be_repeated(store: ArtifactStore, tmp_path: Path) -> None:
    keep_upload(store)
    publish(store)
    store.remove(JOB)
    store.remove(JOB)
    assert files(tmp_path) == []


def test_a_store_that_cannot_be_written_says_so(store: ArtifactStore, tmp_path: Path) -> None:
    store.check_writable()
    (tmp_path / "incoming").rmdir()
    with pytest.raises(OSError, match="incoming"):
        store.check_writable()


def test_the_sweep_takes_old_files_that_nobody_owns(store: ArtifactStore, tmp_path: Path) -> None:
    keep_upload(store)
    (tmp_path / "jobs" / OTHER).mkdir()
    (tmp_path / "incoming" / "left").write_text("x")
    (tmp_path / "work" / "left").mkdir()
    (tmp_path / "work" / "left" / "part").write_text("x")
    assert store.sweep(lambda job_id: job_id == JOB, min_age_s=3600) == []
    long_ago = time.time() - 7200
    for path in [*(tmp_path / "jobs").iterdir(), *(tmp_path / "incoming").iterdir(), *(tmp_path / "work").iterdir()]:
        os.utime(path, (long_ago, long_ago))
    assert store.sweep(lambda job_id: job_id == JOB, min_age_s=3600) == [OTHER]
    assert files(tmp_path) == [f"jobs/{JOB}/upload"]
