"""Jobs as streams of server-sent events, from a real server."""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from cli.serve import listen, url_of
from cli.stack import RedisServer
from jobs.infra.settings import Settings
from service import events
from service.dependencies import Services
from service.events import Watch
from tests.conftest import MakeSettings
from tests.processes import ROOT, environment, until
from tests.service.conftest import Serve, assert_problem, complete, create, start


@dataclass(frozen=True)
class Event:
    name: str
    id: str
    data: dict[str, Any]


def comes(stream: httpx.Response) -> Iterator[Event | str]:
    """Events and comments, as they come."""
    fields: dict[str, str] = {}
    for line in stream.iter_lines():
        if line.startswith(":"):
            yield line
        elif line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield Event(fields["event"], fields["id"], json.loads(fields["data"]))
            fields = {}


def path_of(job_id: str) -> str:
    return f"/v1/jobs/{job_id}/events"


@pytest.fixture
def watches(monkeypatch: pytest.MonkeyPatch) -> list[Watch]:
    """The watches of the APIs that the test starts."""
    made: list[Watch] = []
    init = Watch.__init__

    def noted(watch: Watch, services: Services) -> None:
        made.append(watch)
        init(watch, services)

    monkeypatch.setattr(Watch, "__init__", noted)
    return made


def test_a_job_from_the_queue_to_its_end(client: httpx.Client, services: Services, clip: Path) -> None:
    job_id = create(client, clip)["id"]
    with client.stream("GET", path_of(job_id)) as stream:
        assert (stream.status_code, stream.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert (stream.headers["cache-control"], stream.headers["x-accel-buffering"]) == ("no-store", "no")
        coming = comes(stream)
        first = next(coming)
        assert isinstance(first, Event)
        view = client.get(f"/v1/jobs/{job_id}")
        assert (first.name, first.data) == ("job", view.json())
        assert view.headers["etag"] == f'W/"{first.id}"'
        services.queue.remove(job_id)
        attempt = start(services, job_id)
        services.records.advance(job_id, attempt, "generate", 0.5)
        seen = [next(coming)]
        while isinstance(seen[-1], Event) and seen[-1].data["stage"] != "generate":
            seen.append(next(coming))
        services.records.cancel(job_id, attempt)
        last = list(coming)
    assert [event.data["status"] for event in last if isinstance(event, Event)] == ["canceled"], "and then it ends"


def test_what_was_seen_is_not_sent_again_and_who_has_the_end_is_told_to_stop(
    client: httpx.Client, services: Services, clip: Path
) -> None:
    job_id = create(client, clip)["id"]
    with client.stream("GET", path_of(job_id)) as stream:
        first = next(comes(stream))
    assert isinstance(first, Event)
    with client.stream("GET", path_of(job_id), headers={"Last-Event-ID": first.id}) as stream:
        complete(services, job_id)
        events_after = [event for event in comes(stream) if isinstance(event, Event)]
    assert first.id not in {event.id for event in events_after}
    last = events_after[-1]
    assert last.data["status"] == "completed"
    done = client.get(path_of(job_id), headers={"Last-Event-ID": last.id})
    assert (done.status_code, done.content) == (204, b"")
    with client.stream("GET", path_of(job_id), headers={"Last-Event-ID": first.id}) as stream:
        assert [event.id for event in comes(stream) if isinstance(event, Event)] == [last.id]


def test_a_deleted_job_ends_its_stream(client: httpx.Client, clip: Path) -> None:
    job_id = create(client, clip)["id"]
    with client.stream("GET", path_of(job_id)) as stream:
        coming = comes(stream)
        next(coming)
        assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
        assert list(coming) == []
    assert_problem(client.get(path_of(job_id)), 404, "unknown_job")


def test_a_quiet_stream_shows_that_it_lives(client: httpx.Client, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "QUIET_S", 0.05)
    with client.stream("GET", path_of(create(client, clip)["id"])) as stream:
        coming = comes(stream)
        assert isinstance(next(coming), Event)
        assert [next(coming), next(coming)] == [": ping", ": ping"]


def test_nobody_is_watched_for_a_client_that_left(watches: list[Watch], client: httpx.Client, clip: Path) -> None:
    job_id = create(client, clip)["id"]
    (watch,) = watches
    with client.stream("GET", path_of(job_id)) as one:
        coming = comes(one)  # kept: httpx ends a stream whose lines nobody reads any more
        next(coming)
        with client.stream("GET", path_of(job_id)) as another:
            next(comes(another))
        assert watch.jobs == [job_id], "one of two is enough"
    until(lambda: not watch.jobs, "the watch to end")


def test_many_that_wait_hold_nobody_up(watches: list[Watch], client: httpx.Client, clip: Path) -> None:
    jobs = [create(client, clip)["id"] for _ in range(5)]
    many = httpx.Client(base_url=client.base_url, timeout=60, limits=httpx.Limits(max_connections=None))
    with many, ExitStack() as streams:
        coming = [
            comes(streams.enter_context(many.stream("GET", path_of(jobs[number % 5])))) for number in range(100)
        ]  # more than twice as many as a pool has threads
        assert all(isinstance(next(stream), Event) for stream in coming)
        assert sorted(watches[0].jobs) == sorted(jobs)
        for job_id in jobs:
            assert client.get(f"/v1/jobs/{job_id}").status_code == 200
            assert client.post(f"/v1/jobs/{job_id}/cancel").json()["status"] == "canceled"
        for stream in coming:
            *_, last = stream
            assert isinstance(last, Event)
            assert last.data["status"] == "canceled"
    until(lambda: not watches[0].jobs, "the watch to end")


def test_an_outage_of_redis_does_not_end_it(
    serve: Serve, make_settings: MakeSettings, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "QUIET_S", 0.2)
    with tempfile.TemporaryDirectory(prefix="v2m-") as folder, redis_of(Path(folder)) as (url, restart):
        settings = make_settings(redis_url=url)
        client = serve(settings)
        job_id = create(client, clip)["id"]
        with client.stream("GET", path_of(job_id)) as stream, closing(Services.open(settings)) as services:
            coming = comes(stream)
            assert isinstance(next(coming), Event)
            with capture_logs() as lines, restart():
                while not [line for line in lines if line["event"] == "followed_jobs_not_read"]:
                    assert next(coming) == ": ping"
            services.queue.cancel(job_id)
            last = [event for event in coming if isinstance(event, Event)]
        assert [event.data["status"] for event in last] == ["canceled"]


@contextmanager
def redis_of(folder: Path) -> Iterator[tuple[str, Callable[[], AbstractContextManager[None]]]]:
    """A server's URL, and a block during which it is down."""
    server = RedisServer(folder)
    process = subprocess.Popen(server.command())

    @contextmanager
    def down() -> Iterator[None]:
        nonlocal process
        process.kill()
        process.wait()
        yield
        process = subprocess.Popen(server.command())

    try:
        yield server.url, down
    finally:
        process.kill()
        process.wait()


def test_the_service_stops_at_once_though_somebody_follows(settings: Settings, services: Services, clip: Path) -> None:
    listener = listen("127.0.0.1", 0)
    command = [sys.executable, "-m", "cli.main", "api", "--fd", str(listener.fileno())]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(settings), pass_fds=[listener.fileno()], stderr=subprocess.PIPE, text=True
    )
    try:
        with httpx.Client(base_url=url_of(listener), timeout=60) as client:
            job_id = create(client, clip)["id"]
            with client.stream("GET", path_of(job_id)) as stream:
                coming = comes(stream)
                assert isinstance(next(coming), Event)
                process.send_signal(signal.SIGTERM)
                assert list(coming) == [], "it ends in good order: a stream that is cut off is an error of the client"
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
        listener.close()
    assert process.returncode == 0
    assert "timeout graceful shutdown exceeded" not in told
    assert services.records.exists(job_id)
