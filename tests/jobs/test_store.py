"""Artifact store on a disk and in a bucket: complete files or none, and no path outside its root."""

import io
import shutil
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from jobs.infra.settings import Settings
from jobs.record import Artifact
from jobs.store import ArtifactStore, MissingArtifactError, StoredJob
from model_core.results import Variant

JOB = "0123456789abcdef" * 2
OTHER = "f" * 32
LARGE = bytes(range(256)) * 4 * 1024 * 9  # 9 MiB: several chunks of either store


def put_upload(store: ArtifactStore, data: bytes = b"abc", job_id: str = JOB) -> None:
    with store.scratch.file(io.BytesIO(data), len(data)) as path:
        store.put_upload(job_id, path)


def publish(store: ArtifactStore, attempt: int = 1, data: bytes = b"x", job_id: str = JOB) -> dict[Variant, Artifact]:
    with store.scratch.folder(job_id) as work:
        (work / "made.mp4").write_bytes(data)
        (work / "notes.MID").write_bytes(b"notes")
        return store.publish(job_id, attempt, {"video": work / "made.mp4", "midi": work / "notes.MID"})


def content(store: ArtifactStore, artifact: Artifact, attempt: int = 1, job_id: str = JOB) -> bytes:
    return b"".join(store.read(job_id, attempt, artifact))


def summary(store: ArtifactStore, job_id: str = JOB) -> StoredJob | None:
    return next((job for job in store.list_jobs() if job.id == job_id), None)


def test_upload_comes_back_as_it_was(store: ArtifactStore) -> None:
    put_upload(store, LARGE)
    with store.upload(JOB) as path:
        assert path.read_bytes() == LARGE
    assert store.used_bytes() == len(LARGE)


def test_upload_that_is_not_there(store: ArtifactStore) -> None:
    upload: AbstractContextManager[Path] = store.upload(JOB)
    with pytest.raises(MissingArtifactError), upload:
        pytest.fail("the block must not run")


def test_results_are_read_whole_and_in_parts(store: ArtifactStore) -> None:
    made = publish(store, data=LARGE)
    assert made == {
        Variant.VIDEO: Artifact(name="video.mp4", bytes=len(LARGE)),
        Variant.MIDI: Artifact(name="midi.mid", bytes=5),
    }
    assert content(store, made[Variant.VIDEO]) == LARGE
    assert b"".join(store.read(JOB, 1, made[Variant.VIDEO], 5_000_000, 5_000_010)) == LARGE[5_000_000:5_000_010]
    assert b"".join(store.read(JOB, 1, made[Variant.VIDEO], len(LARGE) - 3)) == LARGE[-3:]
    assert content(store, made[Variant.MIDI]) == b"notes"


def test_empty_result(store: ArtifactStore) -> None:
    made = publish(store, data=b"")
    assert made[Variant.VIDEO].bytes == 0
    assert content(store, made[Variant.VIDEO]) == b""


def test_result_that_is_not_there(store: ArtifactStore) -> None:
    artifact = publish(store)[Variant.VIDEO]
    for missing in (store.read(JOB, 2, artifact), store.read(OTHER, 1, artifact)):
        with pytest.raises(MissingArtifactError):
            next(missing)


def test_attempts_do_not_touch_each_other(store: ArtifactStore) -> None:
    put_upload(store)
    first, second = publish(store, 1, b"first"), publish(store, 2, b"second")
    assert content(store, first[Variant.VIDEO], 1) == b"first"
    assert content(store, second[Variant.VIDEO], 2) == b"second"
    found = summary(store)
    assert found is not None
    assert (found.attempts, found.upload_bytes, found.bytes) == (frozenset({1, 2}), 3, 3 + 5 + 6 + 2 * 5)
    store.keep_only(JOB, 2)
    store.keep_only(JOB, 2)
    with pytest.raises(MissingArtifactError):
        content(store, first[Variant.VIDEO], 1)
    assert content(store, second[Variant.VIDEO], 2) == b"second"
    store.discard(JOB, 2)
    store.discard(JOB, 2)
    found = summary(store)
    assert found is not None
    assert (found.attempts, found.bytes) == (frozenset(), 3), "the upload is left"


def test_same_attempt_may_publish_again(store: ArtifactStore) -> None:
    publish(store, 1, b"once")
    assert content(store, publish(store, 1, b"again")[Variant.VIDEO]) == b"again"


def test_unknown_variant_publishes_nothing(store: ArtifactStore) -> None:
    for name in ("vidoe", "../video", "Video", ""):
        with store.scratch.folder(JOB) as work:
            for file in ("good.mp4", "bad.mp4"):
                (work / file).write_text("x")
            with pytest.raises(ValueError, match="no file of a known variant"):
                store.publish(JOB, 1, {"video": work / "good.mp4", name: work / "bad.mp4"})
    assert store.list_jobs() == []


def test_missing_file_publishes_nothing(store: ArtifactStore) -> None:
    with store.scratch.folder(JOB) as work, pytest.raises(ValueError, match=r"never\.mp4"):
        store.publish(JOB, 1, {"video": work / "never.mp4"})
    assert store.list_jobs() == []


def test_ids_cannot_escape_the_root(store: ArtifactStore) -> None:
    put_upload(store)
    artifact = publish(store)[Variant.VIDEO]
    removals = (store.remove, store.remove_upload, store.remove_results, lambda name: store.keep_only(name, 2))
    asked = (store.upload, lambda name: store.read(name, 1, artifact), lambda name: store.discard(name, 1), *removals)
    for job_id in ("..", "../..", "", "a/b", JOB + "/../x", JOB.upper()):
        for ask in asked:
            with pytest.raises(ValueError, match="hexadecimal"):
                ask(job_id)
    assert store.used_bytes() == 3 + 1 + 5


def test_removals_may_be_repeated(store: ArtifactStore) -> None:
    for job_id in (JOB, OTHER):
        put_upload(store, job_id=job_id)
        publish(store, job_id=job_id)
    for remove, left in ((store.remove_upload, 6), (store.remove_results, 0), (store.remove, 0)):
        for _ in range(2):
            remove(JOB)
            found = summary(store)
            assert (found.bytes if found else 0) == left
    assert summary(store) is None, "not even a folder is left"
    assert store.used_bytes() == 9, "another job's files are left alone"


def test_changed_is_the_time_of_the_last_change(store: ArtifactStore) -> None:
    put_upload(store)
    found = summary(store)
    assert found is not None
    assert abs(found.changed - time.time()) < 60


def test_check_writable(store: ArtifactStore) -> None:
    store.check_writable()
    assert store.list_jobs() == []
    assert store.used_bytes() == 0


def test_scratch_folder_is_empty_afterwards(store: ArtifactStore, store_settings: Settings, tmp_path: Path) -> None:
    put_upload(store)
    publish(store)
    with store.upload(JOB):
        pass
    (scratch,) = tmp_path.rglob("scratch")
    assert [path for path in scratch.rglob("*") if path.is_file()] == []
    shutil.rmtree(store_settings.state_dir)
