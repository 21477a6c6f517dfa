"""Uploads on their way: how many there may be, how long one may be silent, and what becomes of those that end early."""

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socket import SHUT_WR, SO_KEEPALIVE, SOL_SOCKET, socket
from typing import Any

import anyio
import httpx
import pytest
from redis import Redis
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from cli.serve import listen
from jobs.infra.settings import Settings
from model_core.media import MediaLimits, VideoInfo, probe
from service import dependencies as upload_threads
from service.middleware.request_body import BodyTimeout
from service.uploads import create_job
from tests.conftest import MakeSettings
from tests.processes import until
from tests.service import raw
from tests.service.conftest import Serve, assert_problem, create, post, stored

KEYS = {name: f"v2m_{name}" for name in ("ann", "bob")}
ENTRIES = ",".join(f"{name}:{hashlib.sha256(key.encode()).hexdigest()}" for name, key in KEYS.items())
HEADERS = {"Content-Type": "multipart/form-data; boundary=edge", "Content-Length": "1000000"}
START = b'--edge\r\nContent-Disposition: form-data; name="video"; filename="a"\r\n\r\n'


@contextmanager
def begun(client: httpx.Client, redis: Redis, key: str, name: str = "") -> Iterator[socket]:
    """An upload of which the start has come in, and the rest has not; it has an Idempotency-Key of its own."""
    headers = {**HEADERS, "Idempotency-Key": key, "Authorization": f"Bearer {KEYS.get(name)}"}
    with raw.line(client) as line:
        line.sendall(raw.head("/v1/jobs", headers) + START)
        until(lambda: redis.exists(f"v2m:idempotency:{name}:{key}"), "the upload to be under way")
        yield line


def test_one_key_has_so_many(serve: Serve, make_settings: MakeSettings, redis: Redis, clip: Path) -> None:
    client = serve(make_settings(api_keys=ENTRIES, max_uploads_per_key=2))
    with begun(client, redis, "one", "ann"), ExitStack() as second:
        second.enter_context(begun(client, redis, "two", "ann"))
        client.headers["Authorization"] = f"Bearer {KEYS['ann']}"
        answer = post(client, clip)
        assert assert_problem(answer, 429, "too_many_uploads")["limit"] == 2
        assert int(answer.headers["retry-after"]) > 0
        assert client.get("/v1/jobs").json()["jobs"] == [], "only uploads are refused"
        client.headers["Authorization"] = f"Bearer {KEYS['bob']}"
        create(client, clip)
        client.headers["Authorization"] = f"Bearer {KEYS['ann']}"
        second.close()
        until(lambda: post(client, clip).status_code == 202, "the one that ended to be forgotten")


def test_all_have_so_many(serve: Serve, make_settings: MakeSettings, redis: Redis, clip: Path) -> None:
    client = serve(make_settings(api_keys=ENTRIES, max_uploads=2))
    client.headers["Authorization"] = f"Bearer {KEYS['ann']}"
    for _ in range(3):
        create(client, clip)
    with begun(client, redis, "one", "ann"), begun(client, redis, "two", "bob"):
        answer = post(client, clip)
    assert assert_problem(answer, 503, "uploads_full")["limit"] == 2
    assert int(answer.headers["retry-after"]) > 0


def test_one_that_falls_silent_is_ended(
    serve: Serve, make_settings: MakeSettings, settings: Settings, redis: Redis
) -> None:
    client = serve(make_settings(upload_silence_s=0.3))
    with begun(client, redis, "a-key") as line:
        said = raw.answer(line)  # to the end of the connection
    assert raw.is_problem(said, 408, "request_timeout"), said
    assert "connection: close" in said.lower()
    assert (stored(settings), redis.keys("v2m:idempotency:*")) == ([], [])


def test_one_that_is_whole_may_be_silent() -> None:
    messages: list[Message] = []

    async def receive() -> Message:
        if not messages:
            return {"type": "http.request", "body": b"all", "more_body": False}
        await anyio.sleep(0.1)
        return {"type": "http.disconnect"}

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        for _ in range(2):
            messages.append(await receive())

    async def nothing(_message: Message) -> None:
        raise AssertionError("there is nothing to send")

    scope = {"type": "http", "method": "POST", "path": "/v1/jobs"}
    anyio.run(BodyTimeout(app, 0.01), scope, receive, nothing)
    assert [message["type"] for message in messages] == ["http.request", "http.disconnect"]


def test_the_kernel_looks_after_lines_that_are_silent() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.getsockopt(SOL_SOCKET, SO_KEEPALIVE)


def test_a_client_that_leaves_sent_no_bad_form(serve: Serve, settings: Settings, redis: Redis) -> None:
    client = serve(settings)

    def ended() -> list[Any]:
        return [event["status"] for event in events if event["event"] == "request"]

    with capture_logs() as events:
        with begun(client, redis, "a-key") as line:
            line.shutdown(SHUT_WR)
        until(ended, "the request to be over")
    assert ended() == [499]
    assert redis.keys("v2m:idempotency:*") == []


def test_reading_is_never_kept_waiting(
    serve: Serve, make_settings: MakeSettings, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_threads, "_PROBES", 2)
    client = serve(make_settings(max_uploads_per_key=64))
    job, looked = create(client, clip)["id"], probe(clip)
    go_on, lock = threading.Event(), threading.Lock()
    at_once = [0, 0]  # now, and at most

    def stuck(_path: Path, _limits: MediaLimits) -> VideoInfo:
        with lock:
            at_once[0] += 1
            at_once[1] = max(at_once)
        go_on.wait(60)
        with lock:
            at_once[0] -= 1
        return looked

    monkeypatch.setattr(create_job, "probe", stuck)
    limits = httpx.Limits(max_connections=None)
    with httpx.Client(base_url=client.base_url, timeout=60, limits=limits) as many, ThreadPoolExecutor(45) as threads:
        answers = [threads.submit(post, many, clip) for _ in range(45)]  # more than there are threads for others
        try:
            until(lambda: at_once[0] == 2, "the first of them to be looked at")
            assert client.get(f"/v1/jobs/{job}", timeout=10).status_code == 200
            assert not any(answer.done() for answer in answers)
        finally:
            go_on.set()
        assert {answer.result().status_code for answer in answers} == {202}
    assert at_once[1] == 2
