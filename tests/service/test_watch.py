"""A stream never begins with less than its client may know already: only what was looked at since then counts."""

import json
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio import create_task_group, to_thread
from anyio.lowlevel import checkpoint
from redis import Redis

from jobs.record import JobRecord
from model_core.options import ScoreOptions
from service import events
from service.dependencies import Services
from service.events import Watch
from service.job_views import view
from tests.processes import PATIENCE_S


@pytest.fixture
def job_id(services: Services, redis: Redis) -> str:
    """A job that waits."""
    record = JobRecord.new("", ScoreOptions(), {})
    services.queue.submit(record)
    return record.id


@asynccontextmanager
async def looking(watch: Watch) -> AsyncIterator[None]:
    """The watch looks during the block."""
    with anyio.fail_after(PATIENCE_S):
        async with create_task_group() as tasks:
            tasks.start_soon(watch.run)
            yield
            tasks.cancel_scope.cancel()


def tag_of(services: Services, job_id: str) -> str:
    record = services.records.get(job_id)
    assert record is not None
    return view(services, record).tag


async def statuses(watch: Watch, job_id: str, known: str | None = None) -> list[str]:
    """What a stream tells, up to its end."""
    with watch.following(job_id) as stream:
        return [status_in(chunk) async for chunk in events.stream_events(watch, stream, known)]


async def first_status(watch: Watch, job_id: str) -> str:
    """What a stream begins with."""
    with watch.following(job_id) as stream:
        return status_in(await anext(events.stream_events(watch, stream)))


def status_in(chunk: bytes) -> str:
    (data,) = (line.removeprefix("data: ") for line in chunk.decode().splitlines() if line.startswith("data: "))
    return str(json.loads(data)["status"])


def test_what_another_stream_was_told_earlier_is_not_told_again(services: Services, job_id: str) -> None:
    watch = Watch(services)

    async def follow() -> None:
        with watch.following(job_id):  # somebody follows it all the time
            async with looking(watch):
                assert await first_status(watch, job_id) == "queued"
            services.queue.cancel(job_id)  # between two looks
            async with looking(watch):
                assert await statuses(watch, job_id) == ["canceled"]

    anyio.run(follow)


def test_a_look_under_way_does_not_count(services: Services, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(services)
    has_read, go_on = threading.Event(), threading.Event()
    many = services.records.get_many

    def slowly(job_ids: Sequence[str]) -> list[JobRecord | None]:
        found = many(job_ids)
        has_read.set()
        go_on.wait(PATIENCE_S)
        return found

    monkeypatch.setattr(services.records, "get_many", slowly)

    async def follow() -> None:
        with watch.following(job_id):
            async with looking(watch):
                await to_thread.run_sync(has_read.wait, PATIENCE_S)
                services.queue.cancel(job_id)
                known = tag_of(services, job_id)  # of the final state, which the client has from another answer
                with watch.following(job_id) as stream:
                    go_on.set()
                    assert [chunk async for chunk in events.stream_events(watch, stream, known)] == []

    anyio.run(follow)


def test_a_job_that_stays_as_it_is_is_told_to_everybody(services: Services, job_id: str) -> None:
    watch = Watch(services)

    async def follow() -> None:
        with watch.following(job_id):
            async with looking(watch):
                assert [await first_status(watch, job_id) for _ in range(3)] == ["queued"] * 3

    anyio.run(follow)


def test_others_that_come_do_not_silence_a_stream(
    services: Services, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(services)
    monkeypatch.setattr(events, "QUIET_S", 0.05)

    async def follow() -> None:
        async with looking(watch):
            with watch.following(job_id) as stream:
                coming = events.stream_events(watch, stream)
                assert status_in(await anext(coming)) == "queued"
                comment: list[bytes] = []

                async def wait() -> None:
                    comment.append(await anext(coming))

                async with create_task_group() as tasks:
                    tasks.start_soon(wait)
                    while not comment:
                        assert await first_status(watch, job_id) == "queued"  # wakes the other one, too
                        await checkpoint()
        assert comment == [b": ping\n\n"]

    anyio.run(follow)
