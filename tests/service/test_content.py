"""The files of finished jobs over HTTP, from a disk and from a bucket."""

import io
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobs.infra.settings import Settings
from jobs.record import JobRecord
from jobs.store import ArtifactStore
from model_core.options import ScoreOptions
from service.dependencies import Services
from tests import s3_server
from tests.conftest import MakeSettings
from tests.processes import until
from tests.s3_server import S3Server
from tests.service.conftest import RESULT, assert_problem, complete, create

LARGE = RESULT * 4608  # 9 MiB: several chunks of either store


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server.running() as server:
        yield server


@pytest.fixture
def settings(request: pytest.FixtureRequest, make_settings: MakeSettings) -> Settings:
    if getattr(request, "param", "file") == "file":
        return make_settings()
    s3: S3Server = request.getfixturevalue("s3")
    return make_settings(store=f"s3://{s3.new_bucket()}/prefix", s3_endpoint=s3.endpoint)


on_both = pytest.mark.parametrize("settings", ["file", "s3"], indirect=True)


def finished(services: Services, result: bytes = RESULT) -> str:
    """The path of a finished job's video."""
    record = JobRecord.new("", ScoreOptions(), {})
    with services.store.scratch.file(io.BytesIO(b"a video"), 100) as upload:
        services.store.put_upload(record.id, upload)
    services.queue.submit(record)
    complete(services, record.id, result)
    return f"/v1/jobs/{record.id}/content"


@pytest.fixture
def done(services: Services) -> str:
    return finished(services)


def job_of(done: str) -> str:
    return done.split("/")[3]


@on_both
def test_a_job_from_its_upload_to_its_result(client: httpx.Client, services: Services, clip: Path) -> None:
    job_id = create(client, clip)["id"]
    with services.store.upload(job_id) as upload:
        assert upload.read_bytes() == clip.read_bytes()
    complete(services, job_id)
    job = client.get(f"/v1/jobs/{job_id}").json()
    assert client.get(job["content"]["video"]).content == RESULT


def test_the_whole_file(client: httpx.Client, done: str) -> None:
    answer = client.get(done)
    assert (answer.status_code, answer.content) == (200, RESULT)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    name = re.fullmatch(r'attachment; filename="([^"]+)"', answer.headers["content-disposition"])
    assert name is not None
    assert re.fullmatch(r"v2m-[0-9a-f]{8}-video\.mp4", name[1]), "never the name of the upload"
    head = client.head(done)
    assert (head.status_code, head.content) == (200, b"")
    for field in ("content-length", "content-type", "etag", "accept-ranges", "content-disposition"):
        assert head.headers[field] == answer.headers[field]
    assert client.get(done, params={"variant": "curve"}).json() == {}


@on_both
def test_a_large_file_comes_whole_and_in_parts(client: httpx.Client, services: Services) -> None:
    path = finished(services, LARGE)
    assert client.get(path).content == LARGE
    answer = client.get(path, headers={"Range": "bytes=1000000-8999999"})
    assert (answer.status_code, answer.content) == (206, LARGE[1_000_000:9_000_000])


@on_both
def test_ranges(client: httpx.Client, done: str) -> None:
    for asked, first, last in (("bytes=0-99", 0, 99), ("bytes=2000-", 2000, 2047), ("bytes=-10", 2038, 2047)):
        answer = client.get(done, headers={"Range": asked})
        assert (answer.status_code, answer.content) == (206, RESULT[first : last + 1])
        assert answer.headers["content-range"] == f"bytes {first}-{last}/2048"
        assert int(answer.headers["content-length"]) == last + 1 - first
    several = client.get(done, headers={"Range": "bytes=0-1,5-6"})
    assert (several.status_code, several.content) == (200, RESULT), "the whole file will do"
    head = client.head(done, headers={"Range": "bytes=0-99"})
    assert (head.status_code, head.headers["content-length"]) == (200, "2048"), "ranges are for GET"
    answer = client.get(done, headers={"Range": "bytes=5000-"})
    body = assert_problem(answer, 416, "range_not_satisfiable")
    assert (body["field"], body["limit"]) == ("Range", 2048)
    assert answer.headers["content-range"] == "bytes */2048"
    assert_problem(client.get(done, headers={"Range": "bytes=some"}), 400, "malformed_range")


def test_a_download_can_be_resumed_only_of_the_same_file(client: httpx.Client, done: str) -> None:
    etag = client.head(done).headers["etag"]
    same = client.get(done, headers={"Range": "bytes=100-", "If-Range": etag})
    assert (same.status_code, same.content) == (206, RESULT[100:])
    for other in ('"another"', f"W/{etag}", "Wed, 21 Oct 2026 07:28:00 GMT"):
        whole = client.get(done, headers={"Range": "bytes=100-", "If-Range": other})
        assert (whole.status_code, whole.content) == (200, RESULT)


def test_a_file_that_the_client_has(client: httpx.Client, done: str) -> None:
    etag = client.head(done).headers["etag"]
    assert etag != client.head(done, params={"variant": "curve"}).headers["etag"]
    for method in ("GET", "HEAD"):
        for form in ("{}", "W/{}", '"other", {}', "*"):
            answer = client.request(method, done, headers={"If-None-Match": form.format(etag)})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
        assert client.request(method, done, headers={"If-None-Match": '"other"'}).status_code == 200


def test_variants_that_are_not_there(client: httpx.Client, done: str) -> None:
    assert assert_problem(client.get(done, params={"variant": "midi"}), 404, "unknown_variant")["field"] == "variant"
    answer = client.get(done, params={"variant": "../upload"})
    assert assert_problem(answer, 422, "invalid_request")["field"] == "variant"


@on_both
def test_results_that_have_expired(client: httpx.Client, services: Services, done: str) -> None:
    job_id = job_of(done)
    ended = client.get(f"/v1/jobs/{job_id}").json()
    gone = services.retention.expire(now=4e9)
    assert {(item.job_id, item.what) for item in gone} == {(job_id, "upload"), (job_id, "all")}
    for method in ("GET", "HEAD"):
        assert client.request(method, done).status_code == 410
    assert "removed at" in assert_problem(client.get(done), 410, "expired")["detail"]
    job = client.get(f"/v1/jobs/{job_id}").json()
    assert (job["status"], job["content"], job["finished_at"]) == ("completed", {}, ended["finished_at"])
    assert (ended["expired_at"], job["expired_at"].endswith("Z")) == (None, True)
    assert services.store.list_jobs() == []


@on_both
def test_a_result_that_was_lost_is_a_fault_of_the_store(client: httpx.Client, services: Services, done: str) -> None:
    services.store.remove_results(job_of(done))
    for headers in ({}, {"Range": "bytes=5-"}):
        answer = client.get(done, headers=headers)
        assert_problem(answer, 503, "storage")
        assert int(answer.headers["retry-after"]) > 0


def test_a_client_that_goes_away_leaves_no_file_open(
    client: httpx.Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []
    real = ArtifactStore.read

    def watched(*args: Any) -> Generator[bytes]:
        chunks = real(*args)
        sent = 0
        try:
            for chunk in chunks:
                sent += len(chunk)
                yield chunk
        finally:
            chunks.close()
            closed.append(sent)

    monkeypatch.setattr(ArtifactStore, "read", watched)
    path = finished(services, LARGE * 4)  # more than the connection's buffers hold
    with client.stream("GET", path) as answer:
        next(answer.iter_raw(1024))
    until(lambda: closed, "the file to be closed")
    assert closed[0] < 4 * len(LARGE), "it was not read to its end for nobody"
