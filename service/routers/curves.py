"""Route that creates a job for an event curve without music."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response, status

from jobs.record import JobKind
from service.auth.keys import CallerDep
from service.dependencies import ServicesDep
from service.idempotency import ClaimDep
from service.job_views import create_job_from_form
from service.openapi.responses import job_creation_responses
from service.schemas import JobView
from service.uploads import form as forms
from service.uploads.form import VideoField, WebhookDep

router = APIRouter(prefix="/v1/curves", tags=["jobs"])


@router.post("", status_code=status.HTTP_202_ACCEPTED, responses=job_creation_responses())
async def create_curve(
    services: ServicesDep,
    caller: CallerDep,
    claim: ClaimDep,
    response: Response,
    _form: Annotated[None, Depends(forms.only("video", "webhook"))],
    webhook: WebhookDep,
    video: VideoField,
) -> JobView:
    """Creates a job that computes the event curve of a video: how much the picture changes, and when.

    The job is like any other, with the kind `curve` and the one result `curve`. The video is checked before the answer:
    a file that cannot be used is rejected at once.
    """
    form = forms.JobForm(JobKind.CURVE, video, webhook=webhook)
    return await create_job_from_form(services, caller, claim, form, response)
