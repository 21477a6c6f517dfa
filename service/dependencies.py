"""Dependencies of the routes: connections, settings and the job in the path."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Annotated, Final, TypeVar, cast

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Path, Request
from redis import Redis

from jobs.estimates import Paces
from jobs.infra import processes
from jobs.infra.redis_connection import connect
from jobs.infra.settings import Settings
from jobs.queue import JobQueue
from jobs.record import JobRecord, is_job_id
from jobs.repository import JobRecords
from jobs.retention import Retention
from jobs.store import ArtifactStore
from service.auth.keys import ApiKeys, CallerDep
from service.auth.rates import Rates
from service.auth.signed_links import Links
from service.errors.access import Unauthorized
from service.errors.jobs import UnknownJob

T = TypeVar("T")
_UPLOAD_THREADS: Final = 32  # they wait for the disk, the bucket or a CPU
_PROBES: Final = min(max(2, len(os.sched_getaffinity(0))), 8)  # each may take 2 GiB


class Uploads:
    """Threads of uploads. These take seconds, so they must not use the threads of other requests.

    Attributes:
        probing: to be held while a video is probed, in a process that uses a CPU.
    """

    def __init__(self) -> None:
        self.probing = BoundedSemaphore(_PROBES)
        self._threads = CapacityLimiter(_UPLOAD_THREADS)

    async def run(self, work: Callable[[], T]) -> T:
        """Runs ``work`` in one of the threads and returns its result."""
        return await to_thread.run_sync(work, limiter=self._threads)


@dataclass(frozen=True)
class Services:
    """Everything that the routes use. All of it is thread-safe."""

    settings: Settings
    redis: Redis
    records: JobRecords
    queue: JobQueue
    store: ArtifactStore
    retention: Retention
    paces: Paces
    keys: ApiKeys
    rates: Rates
    links: Links
    uploads: Uploads

    @classmethod
    def open(cls, settings: Settings) -> "Services":
        """Connects to Redis on first use. StoreError if the store cannot be used."""
        store = ArtifactStore.open(settings, processes.new_name())
        redis = connect(settings.redis)
        records = JobRecords(redis, settings.record_retention_s)
        queue = JobQueue(redis, records, settings)
        return cls(
            settings,
            redis,
            records,
            queue,
            store,
            Retention(redis, records, store, settings),
            Paces(redis, records, settings.heartbeat_ttl_s),
            ApiKeys(settings.api_keys),
            Rates(settings.rate_limit, settings.redis),
            Links(redis),
            Uploads(),
        )

    def close(self) -> None:
        """Closes all connections."""
        self.rates.close()
        self.redis.close()
        self.store.close()


# Async, because FastAPI runs plain functions in threads, which takes longer.
async def get_services(request: Request) -> Services:
    """The services of the app that received the request."""
    return cast("Services", request.app.state.services)


ServicesDep = Annotated[Services, Depends(get_services)]


# The pattern is for the OpenAPI document only: another text is the id of an unknown job.
_JOB_ID: Final = Path(
    description="The job's id.",
    json_schema_extra={"pattern": "^[0-9a-f]{32}$"},
    examples=["5b1f0c3e9d7a4c0f8a2e6d4b1c3f5a79"],
)


def get_record(services: ServicesDep, caller: CallerDep, job_id: Annotated[str, _JOB_ID]) -> JobRecord:
    """The record of the job in the path. Problem 404 if it does not exist or the caller may not see it.

    Problem 401 for a signed link if the key that created the job was removed.
    """
    record = services.records.get(job_id) if is_job_id(job_id) else None
    if record is None or not caller.may_see(record):
        raise UnknownJob
    if caller.by_link and not services.keys.knows(record.owner):
        raise Unauthorized("The key that created this link was removed.")
    return record


RecordDep = Annotated[JobRecord, Depends(get_record)]
