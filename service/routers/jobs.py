"""Routes that create, list, get, cancel and delete jobs."""

from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Depends, Form, Query, Request, Response, status

from jobs.record import JobKind, JobStatus
from jobs.repository import IllegalTransitionError, UnknownJobError
from model_core.options import PROMPT_MAX_CHARS
from service.auth.keys import CallerDep
from service.dependencies import RecordDep, ServicesDep
from service.downloads import is_known
from service.errors.jobs import POLL_S, AlreadyOver, InProgress, UnknownJob
from service.idempotency import ClaimDep
from service.job_views import create_job_from_form, cursor_after, parse_cursor, view, views
from service.openapi.responses import (
    CHANGING,
    EVERYWHERE,
    Responses,
    header_parameters,
    job_creation_responses,
    problem_responses,
    response_headers,
)
from service.schemas import JobList, JobView
from service.uploads import form as forms
from service.uploads.form import VideoField, WebhookDep

log: Final = structlog.get_logger(__name__)
_JOB_HEADERS: Final = response_headers("ETag") | response_headers("Retry-After", required=False)
_JOB_RESPONSES: Final[Responses] = {
    200: {"description": "The job.", "headers": _JOB_HEADERS},
    304: {"description": "The job has not changed since the `ETag` in `If-None-Match`.", "headers": _JOB_HEADERS},
    **problem_responses("unknown_job", *EVERYWHERE),
}
router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


# The other routes are plain functions: FastAPI runs them in threads, where a call to Redis may block.
@router.post("", status_code=status.HTTP_202_ACCEPTED, responses=job_creation_responses("invalid_options"))
async def create_job(
    services: ServicesDep,
    caller: CallerDep,
    claim: ClaimDep,
    response: Response,
    _form: Annotated[None, Depends(forms.only("video", "prompt", "options", "webhook"))],
    webhook: WebhookDep,
    video: VideoField,
    prompt: Annotated[
        str,
        Form(
            description="What the music should be like. If it is empty, the model decides from the video alone.",
            json_schema_extra={"maxLength": PROMPT_MAX_CHARS},  # enforced by check_prompt, with a better message
            examples=["bright strings and drums, hopeful"],
        ),
    ] = "",
    options: Annotated[str | None, Form(description="Options of the score, as a JSON object.")] = None,
) -> JobView:
    """Creates a job that scores a video: it adds music that follows the prompt and the picture.

    The video is checked before the answer: a file that cannot be scored is rejected at once. Then the job waits in the
    queue. Get the job, or stream its events, until its status is `completed`; then download its content.
    """
    form = forms.JobForm(JobKind.SCORE, video, prompt, options, webhook)
    return await create_job_from_form(services, caller, claim, form, response)


@router.get(
    "",
    response_description="One page of jobs.",
    responses=problem_responses("invalid_request", "invalid_cursor", *EVERYWHERE),
)
def list_jobs(
    services: ServicesDep,
    caller: CallerDep,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=100, description="The largest number of jobs in the answer.")] = 20,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the previous page.")] = None,
) -> JobList:
    """Lists the jobs of the API key, newest first. Jobs that are created in the meantime do not shift the pages."""
    response.headers["Cache-Control"] = "no-store"
    before = None if cursor is None else parse_cursor(cursor)
    found = services.records.list_page(caller.name, limit + 1, before)  # one more shows if there is a next page
    page = found[:limit]
    return JobList(jobs=views(services, page), next_cursor=cursor_after(page[-1]) if len(found) > limit else None)


@router.head("/{job_id}", include_in_schema=False, response_model=JobView)
@router.get(
    "/{job_id}",
    response_model=JobView,
    responses=_JOB_RESPONSES,
    openapi_extra={"parameters": header_parameters("If-None-Match")},
)
def get_job(
    services: ServicesDep,
    record: RecordDep,
    request: Request,
    response: Response,
) -> JobView | Response:
    """Gets a job: its status, progress and results.

    Repeat the request after the number of seconds in `Retry-After`, which is there until the job has ended. Send the
    last `ETag` as `If-None-Match` to get a 304 while nothing but `eta_s` has changed.
    """
    shown = view(services, record)
    response.headers["Cache-Control"] = "no-store"
    response.headers["ETag"] = etag = f'W/"{shown.tag}"'
    if not record.is_final:
        response.headers["Retry-After"] = str(POLL_S)
    if is_known(etag, request.headers.getlist("If-None-Match")):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=response.headers)
    return shown


@router.post(
    "/{job_id}/cancel",
    status_code=status.HTTP_202_ACCEPTED,
    response_description="The job.",
    responses=problem_responses("unknown_job", "already_over", *CHANGING),
)
def cancel_job(services: ServicesDep, record: RecordDep) -> JobView:
    """Cancels a job. A queued job is canceled at once, a job in progress at its worker's next step.

    Canceling a job twice has no effect. A completed or failed job answers 409.
    """
    try:
        record = services.queue.cancel(record.id)
    except UnknownJobError:
        raise UnknownJob from None
    if record.status in (JobStatus.COMPLETED, JobStatus.FAILED):
        raise AlreadyOver(record.status.value)
    return view(services, record)


@router.delete(
    "/{job_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_description="The job was deleted.",
    responses=problem_responses("unknown_job", "in_progress", *CHANGING),
)
def delete_job(services: ServicesDep, record: RecordDep) -> None:
    """Deletes a job and all its files. A queued job is canceled; a job in progress answers 409: cancel it first."""
    try:
        services.retention.delete(record)
    except IllegalTransitionError:
        raise InProgress from None
    services.queue.remove(record.id)
    log.info("job_deleted", job_id=record.id, status=record.status)
