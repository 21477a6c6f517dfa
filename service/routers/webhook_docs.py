"""The section `webhooks` of the OpenAPI document: requests that the service sends. No route answers them."""

from typing import Final

from fastapi import APIRouter, status

from jobs.webhooks.message import JobEnded

IS_WEBHOOK: Final = True
router = APIRouter(tags=["jobs"])


@router.post(
    "job.ended",
    operation_id="job_ended",
    status_code=status.HTTP_204_NO_CONTENT,
    response_description="The event was received. Any status from 200 to 299 is a success; 410 ends the delivery.",
)
def job_ended(body: JobEnded) -> None:
    """Sent to the webhook of a job when the job is completed, failed or canceled.

    The headers `webhook-id`, `webhook-timestamp` and `webhook-signature` are those of Standard Webhooks. Verify the
    signature before you parse the body. An event can arrive more than once, with the same `webhook-id`.
    """
