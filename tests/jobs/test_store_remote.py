"""Storage backend in a bucket, which may be unreachable and has other writers."""

import errno
import io
import sys
from pathlib import Path

import pytest

from jobs.infra import processes
from jobs.infra.settings import Settings
from jobs.store import ArtifactStore, MissingArtifactError, StoreError, StoreFullError
from model_core.results import Variant
from tests.conftest import MakeSettings
from tests.jobs.test_store import JOB, content, publish, put_upload, summary
from tests.s3_server import S3Server


@pytest.fixture
def store_settings(s3_settings: Settings) -> Settings:
    return s3_settings


@pytest.fixture
def bucket(s3_settings: Settings) -> str:
    return s3_settings.store_url.removeprefix("s3://").partition("/")[0]


def test_layout(store: ArtifactStore, s3: S3Server, bucket: str) -> None:
    put_upload(store)
    publish(store, 3)
    store.check_writable()
    inside = [f"{JOB}/results/3/midi.mid", f"{JOB}/results/3/video.mp4", f"{JOB}/upload"]
    assert s3.keys(bucket) == ["some/prefix/check", *(f"some/prefix/jobs/{key}" for key in inside)]
    assert store.free_bytes() is None


def test_large_file_goes_in_parts(store: ArtifactStore) -> None:
    data = bytes(range(256)) * 4 * 1024 * 40  # 40 MiB
    put_upload(store, data)
    with store.upload(JOB) as path:
        assert path.read_bytes() == data


def test_changes_of_other_processes_are_visible_at_once(store: ArtifactStore, s3_settings: Settings) -> None:
    other = ArtifactStore.open(s3_settings, processes.new_name())
    assert store.list_jobs() == []
    artifact = publish(other)[Variant.VIDEO]
    assert content(store, artifact) == b"x"
    found = summary(store)
    assert found is not None
    assert found.attempts == {1}
    store.discard(JOB, 1)
    assert other.list_jobs() == []
    with pytest.raises(MissingArtifactError):
        content(other, artifact)
    other.close()


def test_failed_set_leaves_nothing(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    put_upload(store)
    files = store._files
    real, calls = files.put, 0

    def broken(key: str, path: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise StoreError("the line is cut")
        real(key, path)

    monkeypatch.setattr(files, "put", broken)
    with pytest.raises(StoreError, match="the line is cut"):
        publish(store)
    found = summary(store)
    assert found is not None
    assert (found.attempts, found.bytes) == (frozenset(), 3)


def test_bucket_that_does_not_exist(make_settings: MakeSettings, s3: S3Server) -> None:
    settings = make_settings(store="s3://no-such-bucket/x", s3_endpoint=s3.endpoint)
    with pytest.raises(StoreError, match="the bucket no-such-bucket does not exist"):
        ArtifactStore.open(settings, processes.new_name())


def test_removed_bucket_is_not_a_missing_file(store: ArtifactStore, s3: S3Server, bucket: str) -> None:
    artifact = publish(store)[Variant.VIDEO]
    store.remove(JOB)
    s3.client.delete_bucket(Bucket=bucket)
    for ask in (
        lambda: content(store, artifact),
        lambda: store.upload(JOB).__enter__(),
        lambda: put_upload(store),
        store.check_writable,
    ):
        with pytest.raises(StoreError) as raised:
            ask()
        assert not isinstance(raised.value, MissingArtifactError)


def test_unreachable_server(make_settings: MakeSettings) -> None:
    settings = make_settings(store="s3://bucket/x", s3_endpoint="http://127.0.0.1:9")
    with pytest.raises(StoreError, match="the bucket bucket cannot be used"):
        ArtifactStore.open(settings, processes.new_name())


def test_without_credentials(
    make_settings: MakeSettings, s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    settings = make_settings(store=f"s3://{bucket}", s3_endpoint=s3.endpoint)
    with pytest.raises(StoreError, match=r"(?i)credentials"):
        ArtifactStore.open(settings, processes.new_name())


def test_without_the_extra(s3_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "jobs.store.remote", raising=False)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(StoreError, match=r"needs v2m-zero\[s3\]"):
        ArtifactStore.open(s3_settings, processes.new_name())


def test_local_disk_that_is_full_while_an_upload_is_fetched(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_upload(store)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store._files._fs, "get_file", full)  # type: ignore[attr-defined]
    with pytest.raises(StoreFullError), store.upload(JOB):
        pytest.fail("the block must not run")


def test_read_of_a_removed_result_fails(store: ArtifactStore) -> None:
    artifact = publish(store, data=io.BytesIO(b"x" * 9_000_000).getvalue())[Variant.VIDEO]
    chunks = store.read(JOB, 1, artifact)
    assert len(next(chunks)) < artifact.bytes
    store.remove(JOB)
    with pytest.raises(MissingArtifactError):
        next(chunks)
