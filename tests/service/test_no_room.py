"""Uploads for which there is no room, or no store, or no queue: a clear answer, and neither job nor file is left."""

import errno
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx
import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs

from jobs.infra.settings import Settings
from jobs.queue import JobQueue
from jobs.repository import JobRecords
from jobs.store import ArtifactStore, StoreError
from jobs.store.scratch import Scratch
from service.app import create_app
from service.dependencies import Services
from service.middleware.job_limits import JobLimits
from tests.conftest import MakeSettings
from tests.processes import ROOT, environment
from tests.service import raw
from tests.service.conftest import Serve, assert_problem, complete, create, jobs_in, losing_the_answer, post, stored

LIMIT = 2_000_000  # bytes of one file, over the megabyte up to which a form stays in memory


@pytest.fixture
def limited_client(settings: Settings) -> Iterator[httpx.Client]:
    """A client of an API in a process that may write no file over LIMIT bytes."""
    command = [sys.executable, "-m", "tests.service.limited_api", str(LIMIT)]
    with subprocess.Popen(command, cwd=ROOT, env=environment(settings), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            with httpx.Client(base_url=process.stdout.readline().strip(), timeout=60) as client:
                yield client
        finally:
            process.terminate()


def test_a_form_that_cannot_be_spooled(
    limited_client: httpx.Client, settings: Settings, redis: Redis, clip: Path
) -> None:
    answer = limited_client.post("/v1/jobs", files={"video": b"x" * (LIMIT + 1)})
    assert_problem(answer, 507, "storage_full")
    assert int(answer.headers["retry-after"]) > 0
    assert stored(settings) == []
    assert jobs_in(redis) == []
    create(limited_client, clip)


def test_a_redis_that_takes_no_writes(
    client: httpx.Client, settings: Settings, redis: Redis, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.queue._SUBMIT_PATIENCE_S", 0.2)
    redis.config_set("maxmemory", 1)
    try:
        problem = assert_problem(post(client, clip), 503, "unavailable")
    finally:
        redis.config_set("maxmemory", 0)
    assert "job_id" not in problem, "nobody needs to ask for it"
    assert (stored(settings), jobs_in(redis)) == ([], [])


def test_a_job_that_was_taken_is_told_though_its_place_is_not_known(
    client: httpx.Client, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise RedisConnectionError("just now")

    monkeypatch.setattr(JobQueue, "position", gone)
    assert create(client, clip)["queue_position"] is None


def test_a_quota_that_is_reached(serve: Serve, make_settings: MakeSettings, redis: Redis, clip: Path) -> None:
    size = clip.stat().st_size
    settings = make_settings(store_max_bytes=2 * size + 10)
    client = serve(settings)
    first, second = create(client, clip)["id"], create(client, clip)["id"]
    before, jobs = stored(settings), sorted(jobs_in(redis))
    answer = post(client, clip)
    assert_problem(answer, 507, "storage_full")
    assert int(answer.headers["retry-after"]) > 0
    assert (stored(settings), sorted(jobs_in(redis))) == (before, jobs)
    services = Services.open(settings)
    complete(services, first, b"r")
    third = create(client, clip)["id"]
    uploads = [f"jobs/{job_id}/upload" for job_id in (second, third)]
    assert {name for name in stored(settings) if name.endswith("upload")} == set(uploads), "the finished one made room"
    services.close()


def test_a_disk_that_is_nearly_full(serve: Serve, make_settings: MakeSettings, redis: Redis, clip: Path) -> None:
    settings = make_settings(min_free_bytes=10**18)
    client = serve(settings)
    assert_problem(post(client, clip), 507, "storage_full")
    assert stored(settings) == []
    assert jobs_in(redis) == []
    assert assert_problem(client.get("/readyz"), 503, "not_ready")["missing"]["store"] == "is full"


def test_a_disk_that_would_be_full_with_the_upload(
    serve: Serve, make_settings: MakeSettings, redis: Redis, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = clip.stat().st_size
    monkeypatch.setattr(Scratch, "free_bytes", lambda _self: 10**9)
    create(serve(make_settings(min_free_bytes=10**9 - size)), clip)
    before = jobs_in(redis)
    settings = make_settings(min_free_bytes=10**9 - size + 1)
    monkeypatch.setattr(Scratch, "file", lambda *_: pytest.fail("no copy must be made"))
    assert_problem(post(serve(settings), clip), 507, "storage_full")
    assert sorted(jobs_in(redis)) == sorted(before)


def test_a_disk_of_forms_that_would_be_full(
    serve: Serve, make_settings: MakeSettings, settings: Settings, redis: Redis, tmp_path: Path, clip: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    elsewhere = tmp_path / "forms"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    free = full_on(monkeypatch, elsewhere, 200 << 20)
    client = serve(make_settings(min_free_bytes=100 << 20))
    ask = {"Content-Type": "multipart/form-data; boundary=edge", "Content-Length": str(101 << 20)}
    with raw.line(client) as line:
        line.sendall(raw.head("/v1/jobs", {**ask, "Expect": "100-continue"}))
        assert raw.is_problem(raw.answer(line), 507, "storage_full"), "and not 100, which asks for the body"

    def chunks() -> Iterator[bytes]:
        yield b'--edge\r\nContent-Disposition: form-data; name="video"; filename="a"\r\n\r\n'
        free[0] = 103 << 20  # others were quicker
        for _ in range(64):
            yield b"x" * (1 << 18)
        yield b"\r\n--edge--\r\n"

    answer = client.post("/v1/jobs", content=chunks(), headers={"Content-Type": ask["Content-Type"]})
    assert_problem(answer, 507, "storage_full")
    assert int(answer.headers["retry-after"]) > 0
    assert (stored(settings), jobs_in(redis), list(elsewhere.iterdir())) == ([], [], [])
    free[0] = 200 << 20
    create(client, clip)


def full_on(monkeypatch: pytest.MonkeyPatch, folder: Path, free: int) -> list[int]:
    """Makes the disk of the folder look as if so many bytes were free on it, which may be changed."""
    left, real = [free], shutil.disk_usage

    def usage(path: str) -> object:
        return real(path)._replace(free=left[0]) if Path(path) == folder else real(path)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    return left


def test_a_folder_for_forms_that_is_gone(
    client: httpx.Client, tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert_problem(post(client, clip), 503, "storage")


@pytest.mark.parametrize(
    ("number", "status", "kind"),
    [
        (errno.ENOSPC, 507, "storage_full"),
        (errno.EDQUOT, 507, "storage_full"),
        (errno.EIO, 503, "storage"),
    ],
)
def test_a_store_that_takes_no_file(
    client: httpx.Client, settings: Settings, redis: Redis, clip: Path, monkeypatch: pytest.MonkeyPatch,
    number: int, status: int, kind: str,
) -> None:  # fmt: skip
    def broken(_handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", broken)
    answer = post(client, clip)
    body = assert_problem(answer, status, kind)
    assert str(settings.state_dir) not in str(body)
    assert int(answer.headers["retry-after"]) > 0
    assert stored(settings) == []
    assert jobs_in(redis) == []


def test_a_full_queue_is_told_before_the_video_is_sent(
    serve: Serve, make_settings: MakeSettings, redis: Redis, clip: Path
) -> None:
    settings = make_settings(max_queued=1)
    client = serve(settings)
    create(client, clip)
    before, jobs = stored(settings), sorted(jobs_in(redis))
    headers = ("Host: localhost", f"Content-Length: {10**9}", "Content-Type: multipart/form-data; boundary=edge")
    ask = "\r\n".join(["POST /v1/jobs HTTP/1.1", *headers, "Expect: 100-continue", "Connection: close", "", ""])
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=60) as line:
        line.sendall(ask.encode())
        head = b""
        while part := line.recv(65536):
            head += part
    assert head.startswith(b"HTTP/1.1 503"), "and not 100, which asks for the body"
    answer = client.post("/v1/jobs", content=b"x" * 10_000_000, headers={"Content-Type": "multipart/form-data"})
    assert assert_problem(answer, 503, "queue_full")["limit"] == 1
    assert int(answer.headers["retry-after"]) > 0
    assert (stored(settings), sorted(jobs_in(redis))) == (before, jobs)


def test_a_queue_that_fills_up_while_the_video_is_looked_at(
    serve: Serve, make_settings: MakeSettings, redis: Redis, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(max_queued=1, store_max_bytes=10**6)
    client = serve(settings)
    create(client, clip)
    before, jobs, used = stored(settings), sorted(jobs_in(redis)), redis.get("v2m:store:used")
    monkeypatch.setattr(JobLimits, "_check", lambda _self, _owner: None)
    assert_problem(post(client, clip), 503, "queue_full")
    real, asked = JobQueue.check_room, 0

    def full_at_last(queue: JobQueue) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            real(queue)

    monkeypatch.setattr(JobQueue, "check_room", full_at_last)
    assert_problem(post(client, clip), 503, "queue_full")
    assert asked == 2, "the second time when the upload was in the store"
    assert (stored(settings), sorted(jobs_in(redis)), redis.get("v2m:store:used")) == (before, jobs, used)


def test_a_fault_of_ours_leaves_no_upload(
    serve: Serve, make_settings: MakeSettings, redis: Redis, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(store_max_bytes=10**6)
    client = serve(settings)

    def broken(*_: object) -> None:
        raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")

    monkeypatch.setattr(JobRecords, "create", broken)
    assert_problem(post(client, clip), 500, "internal")
    assert (stored(settings), jobs_in(redis), redis.get("v2m:store:used")) == ([], [], b"0")


def test_a_redis_that_goes_just_before_the_job_is_sent_leaves_no_upload(
    client: httpx.Client, settings: Settings, redis: Redis, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.queue._SUBMIT_PATIENCE_S", 0.2)
    real, asked = JobQueue.check_room, 0

    def gone_at_last(queue: JobQueue) -> None:
        nonlocal asked
        asked += 1
        if asked > 2:  # the first two are before the upload is stored
            raise RedisConnectionError("the line is cut")
        real(queue)

    monkeypatch.setattr(JobQueue, "check_room", gone_at_last)
    assert "job_id" not in assert_problem(post(client, clip), 503, "unavailable"), "it was not taken for certain"
    assert asked > 3, "and asked again before"
    assert (stored(settings), jobs_in(redis)) == ([], [])


@pytest.mark.parametrize("taken", [True, False])
def test_when_nobody_knows_whether_the_job_was_taken_its_upload_is_kept(
    client: httpx.Client, settings: Settings, clip: Path, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    with losing_the_answer(monkeypatch, taken):
        answer = post(client, clip)
    job_id = assert_problem(answer, 503, "unavailable")["job_id"]
    assert int(answer.headers["retry-after"]) > 0
    assert stored(settings) == [f"jobs/{job_id}/upload"]
    assert client.get(f"/v1/jobs/{job_id}").status_code == (200 if taken else 404)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [(StoreError("the line is cut"), 503, "storage"), (RuntimeError("ours"), 500, "internal")],
)
def test_a_store_that_fails_after_room_was_made_gives_it_back(
    serve: Serve, make_settings: MakeSettings, redis: Redis, clip: Path, monkeypatch: pytest.MonkeyPatch,
    error: Exception, status: int, kind: str,
) -> None:  # fmt: skip
    client = serve(make_settings(store_max_bytes=10**6))

    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(ArtifactStore, "put_upload", broken)
    assert_problem(post(client, clip), status, kind)
    assert redis.get("v2m:store:used") == b"0"


def test_the_api_starts_without_a_sweep(settings: Settings) -> None:
    app = create_app(settings)
    (settings.state_dir / "store" / "scratch").rmdir()

    async def start() -> None:
        async with app.router.lifespan_context(app):
            pass

    with capture_logs() as events:
        anyio.run(start)
    assert [event["event"] for event in events if event["log_level"] == "warning"] == ["scratch_not_swept"]
