"""Bodies that are refused, sent to the last byte by clients that do not ask first: each gets its answer."""

import hashlib
from collections.abc import Callable, Mapping

import httpx
import pytest
from redis import Redis

from jobs.infra.settings import Settings
from tests.conftest import MakeSettings
from tests.service import raw
from tests.service.conftest import Serve, jobs_in, stored

SIZE = 20_000_000
PART = 1_000_000
KEY = "v2m_of-this-test"
HEADERS = {
    "Content-Type": "multipart/form-data; boundary=edge",
    "Authorization": f"Bearer {KEY}",
    "Idempotency-Key": "a-key",
}
START = b'--edge\r\nContent-Disposition: form-data; name="video"; filename="a"\r\n\r\n'
Send = Callable[[httpx.Client, Mapping[str, str]], str]


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """With everything on that looks at a request before its body."""
    entry = f"ann:{hashlib.sha256(KEY.encode()).hexdigest()}"
    return make_settings(api_keys=entry, rate_limit="100/second", max_open_jobs=5, max_upload_bytes=1000)


def declared(client: httpx.Client, headers: Mapping[str, str]) -> str:
    """The answer to a body of known length."""
    with raw.line(client) as line:
        line.sendall(raw.head("/v1/jobs", {**headers, "Content-Length": str(len(START) + SIZE)}) + START)
        for _ in range(SIZE // PART):
            line.sendall(b"x" * PART)
        return raw.answer(line)


def chunked(client: httpx.Client, headers: Mapping[str, str]) -> str:
    """The answer to a body of unknown length."""
    with raw.line(client) as line:
        line.sendall(raw.head("/v1/jobs", {**headers, "Transfer-Encoding": "chunked"}))
        for part in (START, *[b"x" * PART] * (SIZE // PART), b""):
            line.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        return raw.answer(line)


@pytest.mark.parametrize("send", [declared, chunked])
def test_an_upload_over_the_limit(serve: Serve, settings: Settings, redis: Redis, send: Send) -> None:
    client = serve(settings)
    said = send(client, HEADERS)
    assert raw.is_problem(said, 413, "upload_too_large"), said
    assert '"limit":1000' in said
    assert (stored(settings), jobs_in(redis), redis.keys("v2m:idempotency:*")) == ([], [], [])


@pytest.mark.parametrize("send", [declared, chunked])
@pytest.mark.parametrize(
    ("changes", "status", "kind"),
    [
        ({"Authorization": "Bearer another"}, 401, "unauthorized"),
        ({"Idempotency-Key": ""}, 422, "invalid_idempotency_key"),
    ],
)
def test_a_request_that_is_refused_unread(
    serve: Serve, settings: Settings, send: Send, changes: dict[str, str], status: int, kind: str
) -> None:
    client = serve(settings.model_copy(update={"max_upload_bytes": 2 * SIZE}))
    said = send(client, {**HEADERS, **changes})
    assert raw.is_problem(said, status, kind), said
    assert stored(settings) == []
