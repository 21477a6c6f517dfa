"""Views of jobs, with queue position and estimated time, and the cursors of their list."""

import base64
import binascii
import math
from collections.abc import Sequence
from typing import Final

import structlog
from fastapi import Response
from redis.exceptions import RedisError

from jobs.estimates import Forecast
from jobs.idempotency import KeyLease
from jobs.record import JobRecord, JobStatus, is_job_id
from service.auth.keys import Caller
from service.dependencies import Services
from service.errors.jobs import POLL_S
from service.errors.requests import InvalidCursor
from service.schemas import JobView
from service.uploads.create_job import Accepted, accept
from service.uploads.form import JobForm

log: Final = structlog.get_logger(__name__)


def view(services: Services, record: JobRecord) -> JobView:
    """The view of one job."""
    return views(services, [record])[0]


def views(services: Services, records: Sequence[JobRecord]) -> list[JobView]:
    """The views of several jobs; the queue is read once for all of them."""
    queued = [record.id for record in records if record.status is JobStatus.QUEUED]
    is_open = any(not record.is_final for record in records)
    places: dict[str, int] = {}
    forecast = Forecast()
    try:
        places = services.queue.positions(queued)
        forecast = services.paces.forecast(queue=bool(queued)) if is_open else forecast
    except RedisError as error:  # show a new job even if its position is unknown
        log.warning("places_unknown", error=str(error))
    return [job_view(services, record, places.get(record.id), forecast) for record in records]


def job_view(services: Services, record: JobRecord, position: int | None, forecast: Forecast) -> JobView:
    """The view of a job whose queue position is known."""
    eta_s = forecast.eta_s(record, position)
    rounded = None if eta_s is None else round(eta_s, 1)
    return JobView.of(record, position, rounded, base_url=services.settings.base_url)


async def create_job_from_form(
    services: Services, caller: Caller, claim: KeyLease | None, form: JobForm, response: Response
) -> JobView:
    """Creates the job in an upload thread; sets the headers of the response and returns the job's view."""
    return await services.uploads.run(lambda: _create_job(services, response, accept(services, caller, claim, form)))


def _create_job(services: Services, response: Response, taken: Accepted) -> JobView:
    response.headers["Location"] = f"{services.settings.base_url}{taken.record.path}"
    if not taken.record.is_final:
        response.headers["Retry-After"] = str(POLL_S)
    if taken.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return view(services, taken.record)


def cursor_after(record: JobRecord) -> str:
    """The cursor for the jobs that are older than this one: opaque text that marks where a page ends."""
    text = f"{record.created_at.timestamp()!r} {record.id}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def parse_cursor(cursor: str) -> tuple[float, str]:
    """Creation time, in seconds since 1970, and id of the last job of the page before; Problem 422 if invalid."""
    try:
        created, job_id = base64.b64decode(cursor, altchars=b"-_", validate=True).decode("ascii").split(" ")
        seconds = float(created)
    except (binascii.Error, ValueError):
        raise InvalidCursor from None
    if not math.isfinite(seconds) or not is_job_id(job_id):
        raise InvalidCursor
    return seconds, job_id
