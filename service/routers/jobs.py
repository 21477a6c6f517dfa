"""The jobs: make one, ask after it, fetch what it made."""

from typing import Annotated, Final

import structlog
from fastapi import APIRouter, File, Form, Query, Response, UploadFile, status
from redis.exceptions import RedisError

from jobs.artifact import Variant
from jobs.record import JobRecord, JobStatus
from jobs.records import UnknownJobError
from service import uploads
from service.artifact_response import ArtifactResponse
from service.dependencies import RecordDep, Services, ServicesDep, unknown_job
from service.problems import Problem
from service.schemas import JobView

log: Final = structlog.get_logger(__name__)
POLL_S: Final = "1"
PATH: Final = "/v1/jobs"
router = APIRouter(prefix=PATH, tags=["jobs"])


# Plain functions: FastAPI runs them in threads, where the probe, the disk and Redis may block.
@router.post("", status_code=status.HTTP_202_ACCEPTED)
def create_job(
    services: ServicesDep,
    response: Response,
    _form: uploads.FormCheck,
    video: Annotated[UploadFile, File(description="The video to score.")],
    prompt: Annotated[str, Form(description="Words for the music; empty lets the picture decide.")] = "",
    options: Annotated[str | None, Form(description="ScoreOptions as a JSON object.")] = None,
) -> JobView:
    """Takes a video, looks at it at once, and queues the job."""
    record = uploads.accept(services, video, prompt, options)
    log.info("job_created", job_id=record.id, bytes=video.size, duration=record.video.get("duration"))
    response.headers["Location"] = f"/v1/jobs/{record.id}"
    response.headers["Retry-After"] = POLL_S
    return view(services, record)


@router.get("/{job_id}")
def get_job(services: ServicesDep, record: RecordDep, response: Response) -> JobView:
    """How far the job is."""
    response.headers["Cache-Control"] = "no-store"
    if not record.is_final:
        response.headers["Retry-After"] = POLL_S
    return view(services, record)


@router.post("/{job_id}/cancel", status_code=status.HTTP_202_ACCEPTED)
def cancel_job(services: ServicesDep, record: RecordDep) -> JobView:
    """Cancels a job: at once while it waits, at its worker's next step while it is in progress."""
    try:
        record = services.queue.cancel(record.id)
    except UnknownJobError:
        raise unknown_job() from None
    if record.status in (JobStatus.COMPLETED, JobStatus.FAILED):
        raise Problem(409, "already_over", f"The job is {record.status.value}; there is nothing left to cancel.")
    return view(services, record)


@router.head("/{job_id}/content", include_in_schema=False)
@router.get("/{job_id}/content", response_class=Response)
def get_content(
    services: ServicesDep, record: RecordDep, variant: Annotated[Variant, Query()] = Variant.VIDEO
) -> Response:
    """One of the job's results, whole or in ranges."""
    if record.status in (JobStatus.FAILED, JobStatus.CANCELED):
        raise Problem(410, "no_content", f"The job is {record.status.value}; it has no results and will have none.")
    if record.status is not JobStatus.COMPLETED:
        detail = f"The job is {record.status.value}; its results are there once it is completed."
        raise Problem(409, "not_completed", detail, headers={"Retry-After": POLL_S})
    if record.expired_at is not None:
        detail = f"The results were removed at {record.expired_at.isoformat(timespec='seconds')}."
        raise Problem(410, "expired", detail)
    if variant not in record.artifacts:
        raise Problem(404, "unknown_variant", f"variant: the job has no {variant.value}", field="variant")
    return ArtifactResponse(services.store, record, variant)


def view(services: Services, record: JobRecord) -> JobView:
    """The record as the API shows it."""
    position = None
    if record.status is JobStatus.QUEUED:
        try:
            position = services.queue.position(record.id)
        except RedisError as error:  # the record is known; that its place is not must not hide a job just taken
            log.warning("position_unknown", job_id=record.id, error=str(error))
    return JobView.of(record, position)
