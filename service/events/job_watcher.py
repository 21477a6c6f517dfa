"""The jobs that somebody follows, read all at once and twice a second, however many streams there are.

A stream that waits costs no thread and no question of its own, so that hundreds of them take nothing from the others.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import anyio
import structlog
from anyio import CapacityLimiter, to_thread
from redis.exceptions import RedisError

from jobs.record import JobRecord, JobStatus
from service.dependencies import Services
from service.job_views import shown
from service.schemas import JobView
from service.stream_limits import OF_A_JOB, of_this_process, streams_full, too_many_streams

log: Final = structlog.get_logger(__name__)
_EVERY_S: Final = 0.5


@dataclass(frozen=True)
class Sight:
    """A job as it was last read."""

    record: JobRecord
    position: int | None
    view: JobView


class Followed:
    """One job that is followed, by one stream or several.

    Attributes:
        sight: None before the first look.
        look: number of the look that found it so; 0 before the first.
        awaited: number of the first look that counts for the newest stream.
        is_gone: the job has been deleted, or its retention is over.
        changed: set when there may be something new for a stream; it is another event after that.
        followers: how many streams.
    """

    def __init__(self) -> None:
        self.sight: Sight | None = None
        self.look = 0
        self.awaited = 0
        self.is_gone = False
        self.changed = anyio.Event()
        self.followers = 0

    def put(self, sight: Sight | None) -> None:
        """The job looks like this now; None when it is gone."""
        self.sight, self.is_gone = sight, sight is None
        self.wake()

    def confirm(self, look: int) -> None:
        """It looks as it was put, by this look; that is news to streams which earlier ones did not count for."""
        is_news = self.look < self.awaited
        self.look = look
        if is_news:
            self.wake()

    def wake(self) -> None:
        """Whoever waits for a change looks again."""
        self.changed.set()
        self.changed = anyio.Event()


@dataclass(frozen=True)
class Stream:
    """One who follows a job.

    Attributes:
        job: what is followed.
        since: number of the first look that began after it did. What was seen before may be older than what its client
            has been told by another answer.
    """

    job: Followed
    since: int

    @property
    def sight(self) -> Sight | None:
        """The job; None before there is one that is new enough."""
        return self.job.sight if self.job.look >= self.since else None


class Watch:
    """Looks at the followed jobs. All methods but the reading itself are for the event loop's thread.

    Attributes:
        is_over: the service stops; streams are to end.
    """

    def __init__(self, services: Services) -> None:
        """Reads nothing while nobody follows a job."""
        self.is_over = False
        self._services = services
        self._followed: dict[str, Followed] = {}
        self._looks = 0
        self._streams = 0
        self._most = of_this_process()
        self._wanted = anyio.Event()
        self._limiter = CapacityLimiter(1)  # of its own: it waits for no request, and no request for it

    @property
    def jobs(self) -> list[str]:
        """The ids of the jobs that are followed."""
        return [*self._followed]

    @contextmanager
    def following(self, job_id: str) -> Iterator[Stream]:
        """The job is looked at for as long as the block lasts, the first time at once.

        Problem 429 when the job has as many streams as it may, 503 when this process has.
        """
        followed = self._followed.get(job_id, Followed())
        if followed.followers >= OF_A_JOB:
            raise too_many_streams()
        if self._streams >= self._most:
            raise streams_full(self._most)
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
        """Looks until it is canceled. No error ends it: what cannot be read now is read later."""
        while True:
            with anyio.move_on_after(_EVERY_S if self._followed else None):
                await self._wanted.wait()
            self._wanted = anyio.Event()
            try:
                await self._look()
            except RedisError as error:
                log.warning("followed_jobs_not_read", error=str(error))
            except Exception:  # without this task every stream would be silent for ever
                log.exception("watch_broken")

    async def _look(self) -> None:
        self._looks += 1
        followed = dict(self._followed)  # others may come meanwhile, and for those it began too early
        known = {job_id: one.sight for job_id, one in followed.items()}
        changes = await to_thread.run_sync(self._changes, known, limiter=self._limiter, abandon_on_cancel=True)
        for job_id, one in followed.items():
            if job_id in changes:
                one.put(changes[job_id])
            one.confirm(self._looks)

    def _changes(self, known: Mapping[str, Sight | None]) -> dict[str, Sight | None]:
        """The jobs that are not as they are ``known``; RedisError."""
        found = dict(zip(known, self._services.records.get_many(list(known)), strict=True))
        queued = [job_id for job_id, record in found.items() if record and record.status is JobStatus.QUEUED]
        places = self._services.queue.positions(queued)
        gone: dict[str, Sight | None] = {job_id: None for job_id, record in found.items() if record is None}
        changed = [record for job_id, record in found.items() if record and not _same(record, places, known[job_id])]
        if not changed:
            return gone
        forecast = self._services.paces.forecast(queue=bool(queued))
        return gone | {
            record.id: Sight(record, places.get(record.id), shown(record, places.get(record.id), forecast))
            for record in changed
        }


def _same(record: JobRecord, places: Mapping[str, int], sight: Sight | None) -> bool:
    return sight is not None and (record, places.get(record.id)) == (sight.record, sight.position)
