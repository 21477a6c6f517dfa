"""The jobs: make one, ask after it, fetch what it made."""

from typing import Annotated, Final

import structlog
from fastapi import APIRouter, File, Form, Query, Response, UploadFile, status
from fastapi.responses import FileResponse

from jobs.record import JobRecord, JobStatus
from jobs.store import Variant
from service import uploads
from service.artifact_response import ArtifactResponse
from service.dependencies import RecordDep, Services, ServicesDep
from service.problems import Problem
from service.schemas import JobView

log: Final = structlog.get_logger(__name__)
POLL_S: Final = "1"
router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


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


@router.head("/{job_id}/content", include_in_schema=False)
@router.get("/{job_id}/content", response_class=FileResponse)
def get_content(
    services: ServicesDep, record: RecordDep, variant: Annotated[Variant, Query()] = Variant.VIDEO
) -> Response:
    """One of the job's results, whole or in ranges."""
    if record.status in (JobStatus.FAILED, JobStatus.CANCELED):
        raise Problem(410, "no_content", f"The job is {record.status.value}; it has no results and will have none.")
    if record.status is not JobStatus.COMPLETED:
        detail = f"The job is {record.status.value}; its results are there once it is completed."
        raise Problem(409, "not_completed", detail, headers={"Retry-After": POLL_S})
    path = services.store.artifacts(record.id).get(variant)
    if path is None:
        raise Problem(404, "unknown_variant", f"variant: the job has no {variant.value}", field="variant")
    return ArtifactResponse(path, record.id, variant)


def view(services: Services, record: JobRecord) -> JobView:
    """The record as the API shows it."""
    position = services.queue.position(record.id) if record.status is JobStatus.QUEUED else None
    done = record.status is JobStatus.COMPLETED
    return JobView.of(record, position, list(services.store.artifacts(record.id)) if done else [])
