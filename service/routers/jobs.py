"""The jobs: make one, list them, ask after one, cancel it, delete it."""

from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Depends, File, Form, Header, Query, Response, UploadFile, status

from jobs.record import JobKind, JobStatus
from jobs.repository import IllegalTransitionError, UnknownJobError
from model_core.options import PROMPT_MAX_CHARS
from service.auth.caller import CallerDep
from service.cursors import cursor_after, parse_cursor
from service.dependencies import RecordDep, ServicesDep, unknown_job
from service.downloads.conditional import is_known
from service.idempotency import ClaimDep
from service.job_views import POLL_S, made, view, views
from service.openapi.responses import CHANGING, EVERYWHERE, Responses, documented, headers, making
from service.problems import Problem
from service.schemas import JobList, JobView
from service.uploads import form as forms
from service.uploads.webhook_field import WebhookDep

log: Final = structlog.get_logger(__name__)
_STATE_HEADERS: Final = headers("ETag") | headers("Retry-After", required=False)
_STATE: Final[Responses] = {
    200: {"description": "The job.", "headers": _STATE_HEADERS},
    304: {"description": "The job is as If-None-Match has it.", "headers": _STATE_HEADERS},
    **documented("unknown_job", *EVERYWHERE),
}
router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


# The other routes are plain functions: FastAPI runs them in threads, where Redis may block.
@router.post("", status_code=status.HTTP_202_ACCEPTED, responses=making("invalid_options"))
async def create_job(
    services: ServicesDep,
    caller: CallerDep,
    claim: ClaimDep,
    response: Response,
    _form: Annotated[None, Depends(forms.only("video", "prompt", "options", "webhook"))],
    webhook: WebhookDep,
    video: Annotated[UploadFile, File(description="The video to score.")],
    prompt: Annotated[
        str,
        Form(
            description="Words for the music; empty lets the picture decide.",
            json_schema_extra={"maxLength": PROMPT_MAX_CHARS},  # told by uploads.accept
            examples=["bright strings and drums, hopeful"],
        ),
    ] = "",
    options: Annotated[str | None, Form(description="ScoreOptions as a JSON object.")] = None,
) -> JobView:
    """Takes a video, looks at it at once, and queues the job."""
    form = forms.JobForm(JobKind.SCORE, video, prompt, options, webhook)
    return await made(services, caller, claim, form, response)


@router.get(
    "", response_description="Some of the jobs.", responses=documented("invalid_request", "invalid_cursor", *EVERYWHERE)
)
def list_jobs(
    services: ServicesDep,
    caller: CallerDep,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=100, description="So many jobs at most.")] = 20,
    cursor: Annotated[str | None, Query(description="The next_cursor of the page before.")] = None,
) -> JobList:
    """The caller's jobs, the newest first. New ones do not shift the pages."""
    response.headers["Cache-Control"] = "no-store"
    before = None if cursor is None else parse_cursor(cursor)
    found = services.records.list_page(caller.name, limit + 1, before)  # one more tells whether there is another page
    page = found[:limit]
    return JobList(jobs=views(services, page), next_cursor=cursor_after(page[-1]) if len(found) > limit else None)


@router.head("/{job_id}", include_in_schema=False, response_model=JobView)
@router.get(
    "/{job_id}",
    response_model=JobView,
    responses=_STATE,
)
def get_job(
    services: ServicesDep,
    record: RecordDep,
    response: Response,
    if_none_match: Annotated[list[str] | None, Header(description="ETags of what is known already.")] = None,
) -> JobView | Response:
    """How far the job is. Asked with the ETag of the last answer, 304 while all but ``eta_s`` is the same."""
    shown = view(services, record)
    response.headers["Cache-Control"] = "no-store"
    response.headers["ETag"] = etag = f'W/"{shown.tag}"'
    if not record.is_final:
        response.headers["Retry-After"] = POLL_S
    if is_known(etag, if_none_match or []):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=response.headers)
    return shown


@router.post(
    "/{job_id}/cancel",
    status_code=status.HTTP_202_ACCEPTED,
    response_description="The job.",
    responses=documented("unknown_job", "already_over", *CHANGING),
)
def cancel_job(services: ServicesDep, record: RecordDep) -> JobView:
    """Cancels a job: at once while it waits, at its worker's next step while it is in progress."""
    try:
        record = services.queue.cancel(record.id)
    except UnknownJobError:
        raise unknown_job() from None
    if record.status in (JobStatus.COMPLETED, JobStatus.FAILED):
        raise Problem(409, "already_over", f"The job is {record.status.value}; there is nothing left to cancel.")
    return view(services, record)


@router.delete(
    "/{job_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_description="It is gone.",
    responses=documented("unknown_job", "in_progress", *CHANGING),
)
def delete_job(services: ServicesDep, record: RecordDep) -> None:
    """Deletes a job with all its files; one that waits is canceled by that."""
    try:
        services.retention.delete(record)
    except IllegalTransitionError:
        detail = "The job is in progress: cancel it first, and delete it once it is canceled."
        raise Problem(409, "in_progress", detail) from None
    services.queue.remove(record.id)
    log.info("job_deleted", job_id=record.id, status=record.status)
