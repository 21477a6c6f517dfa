"""The API on a real uvicorn, and a client for it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import uvicorn
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from cli.serve import listen, url_of
from jobs.idempotency import KeyLease
from jobs.infra.settings import Settings
from jobs.queue import JobQueue
from jobs.record import JobRecord
from service.app import create_app
from service.dependencies import Services
from service.errors.problem import MEDIA_TYPE, TYPE_PREFIX
from tests.worker.fake_scorer import MODEL

RESULT = bytes(range(256)) * 8
Serve = Callable[[Settings], httpx.Client]


@contextmanager
def serving(settings: Settings, port: int = 0) -> Iterator[httpx.Client]:
    """A client of a server that runs in a thread of this process."""
    listener = listen("127.0.0.1", port)
    server = uvicorn.Server(uvicorn.Config(create_app(settings), log_config=None, access_log=False, lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with httpx.Client(base_url=url_of(listener), timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts an API with the settings a test wants."""
    with ExitStack() as ending:
        yield lambda settings: ending.enter_context(serving(settings))


@pytest.fixture
def client(serve: Serve, settings: Settings) -> httpx.Client:
    """A client of an API with the usual settings."""
    return serve(settings)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """The same database and store as the API's, for looking behind it."""
    opened = Services.open(settings)
    yield opened
    opened.close()


def assert_problem(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The body of a problem of this status and type."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE), answer.text
    body: dict[str, Any] = answer.json()
    assert (body["type"], body["status"]) == (TYPE_PREFIX + kind, status)
    assert body["title"]
    assert body["detail"]
    return body


def post(client: httpx.Client, video: Path, **fields: str) -> httpx.Response:
    """Asks for a job."""
    with video.open("rb") as source:
        return client.post("/v1/jobs", files={"video": ("../../etc/passwd.mp4", source, "video/mp4")}, data=fields)


def create(client: httpx.Client, clip: Path, **fields: str) -> dict[str, Any]:
    """A job that was taken."""
    answer = post(client, clip, **fields)
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{body['id']}"
    assert int(answer.headers["retry-after"]) > 0
    return body


def start(services: Services, job_id: str) -> int:
    """As a worker does it; returns the attempt."""
    return services.records.start(job_id, MODEL, "somebody")


def complete(services: Services, job_id: str, result: bytes = RESULT) -> None:
    """As a worker does it."""
    attempt = start(services, job_id)
    with services.store.scratch.folder(job_id) as work:
        (work / "result.mp4").write_bytes(result)
        (work / "curve.json").write_text("{}")
        made = services.store.publish(job_id, attempt, {"video": work / "result.mp4", "curve": work / "curve.json"})
    services.records.complete(job_id, attempt, made)


def stored(settings: Settings) -> list[str]:
    """Every file in a store on the disk, also those in the making."""
    root = Path(settings.store_url.removeprefix("file://"))
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def jobs_in(redis: Redis) -> list[str]:
    """Every trace of a job."""
    return [str(key) for pattern in ("v2m:job:*", "rq:job:*", "rq:queue:v2m") for key in redis.keys(pattern)]


@contextmanager
def losing_the_answer(monkeypatch: pytest.MonkeyPatch, taken: bool) -> Iterator[None]:
    """Redis' answer to a submission gets lost during the block, after the job was ``taken`` or before."""
    real = JobQueue.submit

    def submit(queue: JobQueue, record: JobRecord, claim: KeyLease | None) -> None:
        if taken:
            real(queue, record, claim)
        raise RedisConnectionError("the line is cut")

    with monkeypatch.context() as patch:
        patch.setattr(JobQueue, "submit", submit)
        yield


def ask_for_a_fault(settings: Settings, headers: dict[str, str] | None = None) -> httpx.Response:
    """The answer of an API in which something of ours breaks with the word ``secret``."""
    app = create_app(settings)

    @app.get("/fault")
    def fault() -> None:
        raise RuntimeError("secret")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/fault", headers=headers)

    return anyio.run(ask)
