"""Event streams of jobs, and the polling behind them: all jobs with streams together, twice a second.

A waiting stream needs no thread and no call to Redis of its own, so hundreds of them do not slow down other requests.
"""

import resource
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import anyio
import structlog
from anyio import CapacityLimiter, to_thread
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from redis.exceptions import RedisError

from jobs.record import JobRecord, JobStatus
from service.dependencies import Services
from service.errors.jobs import TooManyStreams
from service.errors.server import StreamsFull
from service.job_views import job_view
from service.schemas import JobView

log: Final = structlog.get_logger(__name__)
_EVERY_S: Final = 0.5
STREAMS_PER_JOB: Final = 32
"""A signed link to one job needs no key, and this is enough for everybody who watches it."""
EVENT: Final = "job"
"""The name of every event."""
QUIET_S: Final = 15.0
"""Seconds without an event after which a comment keeps the connection open through proxies."""
_MAX_STREAMS: Final = 10_000  # the memory of more is better spent on something else


def max_streams() -> int:
    """The streams of this process: half of the files that it may open. The rest is for requests, Redis and files."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MAX_STREAMS if soft == resource.RLIM_INFINITY else min(soft // 2, _MAX_STREAMS)


@dataclass(frozen=True)
class Sight:
    """The last known state of a job."""

    record: JobRecord
    position: int | None
    view: JobView


class Followed:
    """A job with one or more streams.

    Attributes:
        sight: the last state; None before the first poll.
        look: number of the poll that found it; 0 before the first.
        awaited: number of the first poll that counts for the newest stream.
        is_gone: the job was deleted or has expired.
        changed: set when a stream may have something to send; then replaced by a new event.
        followers: number of streams.
    """

    def __init__(self) -> None:
        self.sight: Sight | None = None
        self.look = 0
        self.awaited = 0
        self.is_gone = False
        self.changed = anyio.Event()
        self.followers = 0

    def put(self, sight: Sight | None) -> None:
        """Stores the new state; None if the job is gone."""
        self.sight, self.is_gone = sight, sight is None
        self.wake()

    def confirm(self, look: int) -> None:
        """Marks the state as current at this poll, which matters to streams that began after the last one."""
        is_news = self.look < self.awaited
        self.look = look
        if is_news:
            self.wake()

    def wake(self) -> None:
        """Wakes all streams that wait for a change."""
        self.changed.set()
        self.changed = anyio.Event()


@dataclass(frozen=True)
class Stream:
    """One stream of a job.

    Attributes:
        job: the job.
        since: number of the first poll that began after the stream. Earlier states may be older than what the client
            knows from another response.
    """

    job: Followed
    since: int

    @property
    def sight(self) -> Sight | None:
        """The state of the job; None until there is one that is new enough."""
        return self.job.sight if self.job.look >= self.since else None


class Watch:
    """Polls the jobs that have streams. For the event loop's thread, except for the reading itself.

    Attributes:
        is_over: the service is stopping, and streams end.
    """

    def __init__(self, services: Services) -> None:
        """Does not poll while there are no streams."""
        self.is_over = False
        self._services = services
        self._followed: dict[str, Followed] = {}
        self._looks = 0
        self._streams = 0
        self._max_streams = max_streams()
        self._wanted = anyio.Event()
        self._limiter = CapacityLimiter(1)  # its own, so that polls and requests do not wait for each other

    @property
    def jobs(self) -> list[str]:
        """The ids of the jobs that have streams."""
        return [*self._followed]

    @contextmanager
    def following(self, job_id: str) -> Iterator[Stream]:
        """Polls the job while the block runs, starting at once.

        Problem 429 if the job has too many streams, 503 if this process has.
        """
        followed = self._followed.get(job_id, Followed())
        if followed.followers >= STREAMS_PER_JOB:
            raise TooManyStreams(STREAMS_PER_JOB)
        if self._streams >= self._max_streams:
            raise StreamsFull(self._max_streams)
        self._followed[job_id] = followed
        self._streams += 1
        followed.followers += 1
        followed.awaited = self._looks + 1
        self._wanted.set()
        try:
            yield Stream(followed, followed.awaited)
        finally:
            self._streams -= 1
            followed.followers -= 1
            if not followed.followers:
                del self._followed[job_id]

    def end(self) -> None:
        """Ends all streams."""
        self.is_over = True
        for followed in self._followed.values():
            followed.wake()

    async def run(self) -> None:
        """Polls until it is canceled. Errors do not end it: the next poll reads again."""
        while True:
            with anyio.move_on_after(_EVERY_S if self._followed else None):
                await self._wanted.wait()
            self._wanted = anyio.Event()
            try:
                await self._look()
            except RedisError as error:
                log.warning("followed_jobs_not_read", error=str(error))
            except Exception:  # without this task no stream would send anything again
                log.exception("watch_broken")

    async def _look(self) -> None:
        self._looks += 1
        followed = dict(self._followed)  # streams that start during the poll wait for the next one
        known = {job_id: one.sight for job_id, one in followed.items()}
        changes = await to_thread.run_sync(self._changes, known, limiter=self._limiter, abandon_on_cancel=True)
        for job_id, one in followed.items():
            if job_id in changes:
                one.put(changes[job_id])
            one.confirm(self._looks)

    def _changes(self, known: Mapping[str, Sight | None]) -> dict[str, Sight | None]:
        """The jobs whose state differs from `known`; RedisError."""
        found = dict(zip(known, self._services.records.get_many(list(known)), strict=True))
        queued = [job_id for job_id, record in found.items() if record and record.status is JobStatus.QUEUED]
        places = self._services.queue.positions(queued)
        gone: dict[str, Sight | None] = {job_id: None for job_id, record in found.items() if record is None}
        changed = [record for job_id, record in found.items() if record and not _same(record, places, known[job_id])]
        if not changed:
            return gone
        forecast = self._services.paces.forecast(queue=bool(queued))
        return gone | {
            record.id: Sight(record, position, job_view(self._services, record, position, forecast))
            for record in changed
            for position in [places.get(record.id)]
        }


def _same(record: JobRecord, places: Mapping[str, int], sight: Sight | None) -> bool:
    return sight is not None and (record, places.get(record.id)) == (sight.record, sight.position)


async def stream_events(
    watch: Watch, stream: Stream, known: str | None = None, *, by_link: bool = False
) -> AsyncIterator[bytes]:
    """Server-sent events of a job as bytes, one for each change.

    The stream ends after a final state, if the job is gone, and when the service stops.

    ``known``: tag of the view that the client already has, which is not sent again. ``by_link``: sends
    `JobView.for_link`.
    """
    last_sent = anyio.current_time()
    while True:
        changed, sight = stream.job.changed, stream.sight
        if sight is not None and sight.view.tag != known:
            known = sight.view.tag
            view = sight.view.for_link() if by_link else sight.view
            yield format_sse_event(event=EVENT, data_str=view.model_dump_json(), id=known)
            last_sent = anyio.current_time()
        if stream.job.is_gone or watch.is_over or (sight is not None and sight.record.is_final):
            return
        # an event for another stream of the job does not keep this connection open
        with anyio.move_on_after(last_sent + QUIET_S - anyio.current_time()) as quiet:
            await changed.wait()
        if quiet.cancelled_caught:
            yield KEEPALIVE_COMMENT
            last_sent = anyio.current_time()
