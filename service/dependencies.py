"""What the routes work with, and how they get it."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Path, Request
from redis import Redis

from jobs import identity
from jobs.connection import connect
from jobs.queue import JobQueue
from jobs.record import JobRecord, is_job_id
from jobs.records import JobRecords
from jobs.retention import Retention
from jobs.settings import Settings
from jobs.store import ArtifactStore
from service.problems import Problem


@dataclass(frozen=True)
class Services:
    """Everything behind the API. All of it may be used from several threads."""

    settings: Settings
    redis: Redis
    records: JobRecords
    queue: JobQueue
    store: ArtifactStore
    retention: Retention

    @classmethod
    def open(cls, settings: Settings) -> "Services":
        """Connects to Redis on first use; StoreError when the store cannot be used."""
        store = ArtifactStore.open(settings, identity.new_name())
        redis = connect(settings.redis)
        records = JobRecords(redis, settings.record_retention_s)
        queue = JobQueue(redis, records, settings)
        return cls(settings, redis, records, queue, store, Retention(redis, records, store, settings))

    def close(self) -> None:
        """Ends all connections."""
        self.redis.close()
        self.store.close()


def get_services(request: Request) -> Services:
    """The services of the app that got the request."""
    return cast("Services", request.app.state.services)


ServicesDep = Annotated[Services, Depends(get_services)]


def get_record(services: ServicesDep, job_id: Annotated[str, Path()]) -> JobRecord:
    """The record of the job in the path; 404 when there is none, or when that is no job id at all."""
    record = services.records.get(job_id) if is_job_id(job_id) else None
    if record is None:
        raise unknown_job()
    return record


def unknown_job() -> Problem:
    """404 for a job that never was, or of which not even the record is left."""
    return Problem(404, "unknown_job", "There is no job of this id; finished jobs are removed after a while.")


RecordDep = Annotated[JobRecord, Depends(get_record)]
