"""What the routes work with, and how they get it."""

from dataclasses import dataclass
from typing import Annotated, Final, cast

from fastapi import Depends, Path, Request
from redis import Redis

from jobs.estimates import Paces
from jobs.infra import process_identity
from jobs.infra.redis_connection import connect
from jobs.infra.settings import Settings
from jobs.queue import JobQueue
from jobs.record import JobRecord, is_job_id
from jobs.repository import JobRecords
from jobs.retention import Retention
from jobs.store import ArtifactStore
from service.auth.caller import CallerDep
from service.auth.keys import ApiKeys, unauthorized
from service.auth.rates import Rates
from service.auth.signed_links import Links
from service.problems import Problem
from service.uploads.threads import Uploads


@dataclass(frozen=True)
class Services:
    """Everything behind the API. All of it may be used from several threads."""

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
        """Connects to Redis on first use; StoreError when the store cannot be used."""
        store = ArtifactStore.open(settings, process_identity.new_name())
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
        """Ends all connections."""
        self.rates.close()
        self.redis.close()
        self.store.close()


# Not a plain function: those are run in threads, which takes longer than this.
async def get_services(request: Request) -> Services:
    """The services of the app that got the request."""
    return cast("Services", request.app.state.services)


ServicesDep = Annotated[Services, Depends(get_services)]


# Its form is for the document alone: whatever else it may be, there is no such job.
_JOB_ID: Final = Path(
    description="As in the job.",
    json_schema_extra={"pattern": "^[0-9a-f]{32}$"},
    examples=["5b1f0c3e9d7a4c0f8a2e6d4b1c3f5a79"],
)


def get_record(services: ServicesDep, caller: CallerDep, job_id: Annotated[str, _JOB_ID]) -> JobRecord:
    """The record of the job in the path; 404 when there is none that the caller may see, or that is no job id.

    401 for a link to a job whose key has been taken away.
    """
    record = services.records.get(job_id) if is_job_id(job_id) else None
    if record is None or not caller.may_see(record):
        raise unknown_job()
    if caller.by_link and not services.keys.knows(record.owner):
        raise unauthorized("The key that this link was made with has been taken away.")
    return record


def unknown_job() -> Problem:
    """404 for a job that never was, or of which not even the record is left."""
    return Problem(
        404, "unknown_job", "There is no job of this id among yours; jobs that are over are forgotten after a while."
    )


RecordDep = Annotated[JobRecord, Depends(get_record)]
