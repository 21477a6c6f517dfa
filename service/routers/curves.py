"""Event curves of videos, without music: jobs of their own kind."""

from typing import Annotated

from fastapi import APIRouter, Depends, File, Response, UploadFile, status

from jobs.record import JobKind
from service.auth.caller import CallerDep
from service.dependencies import ServicesDep
from service.idempotency import ClaimDep
from service.job_views import made
from service.openapi.responses import making
from service.schemas import JobView
from service.uploads import form as forms
from service.uploads.webhook_field import WebhookDep

router = APIRouter(prefix="/v1/curves", tags=["jobs"])


@router.post("", status_code=status.HTTP_202_ACCEPTED, responses=making())
async def create_curve(
    services: ServicesDep,
    caller: CallerDep,
    claim: ClaimDep,
    response: Response,
    _form: Annotated[None, Depends(forms.only("video", "webhook"))],
    webhook: WebhookDep,
    video: Annotated[UploadFile, File(description="The video whose event curve is asked for.")],
) -> JobView:
    """Takes a video, looks at it at once, and queues a job that makes its event curve and nothing else."""
    form = forms.JobForm(JobKind.CURVE, video, webhook=webhook)
    return await made(services, caller, claim, form, response)
