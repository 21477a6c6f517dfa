"""A job as clients see it, with what the record alone does not know."""

from collections.abc import Sequence
from typing import Final

import structlog
from fastapi import Response
from redis.exceptions import RedisError

from jobs.estimates import Forecast
from jobs.idempotency import KeyLease
from jobs.record import JobRecord, JobStatus
from service.auth.caller import Caller
from service.dependencies import Services
from service.schemas import JobView
from service.uploads.create_job import Accepted, accept
from service.uploads.form import JobForm

log: Final = structlog.get_logger(__name__)
POLL_S: Final = "1"
"""Retry-After, in seconds, of a job that is not over."""


def view(services: Services, record: JobRecord) -> JobView:
    """The record as the API shows it."""
    return views(services, [record])[0]


def views(services: Services, records: Sequence[JobRecord]) -> list[JobView]:
    """The same of many, for which the queue is read once."""
    queued = [record.id for record in records if record.status is JobStatus.QUEUED]
    is_open = any(not record.is_final for record in records)
    places: dict[str, int] = {}
    forecast = Forecast()
    try:
        places = services.queue.positions(queued)
        forecast = services.paces.forecast(queue=bool(queued)) if is_open else forecast
    except RedisError as error:  # that a place is not known must not hide a job that was just taken
        log.warning("places_unknown", error=str(error))
    return [shown(record, places.get(record.id), forecast) for record in records]


def shown(record: JobRecord, position: int | None, forecast: Forecast) -> JobView:
    """The view of a record whose place in the queue is known."""
    eta_s = forecast.eta_s(record, position)
    return JobView.of(record, position, None if eta_s is None else round(eta_s, 1))


async def made(
    services: Services, caller: Caller, claim: KeyLease | None, form: JobForm, response: Response
) -> JobView:
    """Makes the job that a form asks for, in one of the threads for uploads, and shows it."""
    return await services.uploads.run(lambda: _accepted(services, response, accept(services, caller, claim, form)))


def _accepted(services: Services, response: Response, taken: Accepted) -> JobView:
    """A job that was asked for, and in the headers where it is and whether it was there already."""
    response.headers["Location"] = f"/v1/jobs/{taken.record.id}"
    if not taken.record.is_final:
        response.headers["Retry-After"] = POLL_S
    if taken.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return view(services, taken.record)
