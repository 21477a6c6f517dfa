"""The body of a webhook: a job has ended.

It describes the job at the time of sending, which can be days after the job's end if the receiver was not reachable.
"""

from datetime import datetime
from typing import Literal, cast

from pydantic import BaseModel, Field

from jobs.record import JobError, JobKind, JobRecord, JobStatus
from model_core.results import Variant

EventType = Literal["job.completed", "job.failed", "job.canceled"]


class JobEndedData(BaseModel):
    """The job that has ended."""

    id: str = Field(description="The job's id.")
    kind: JobKind
    status: JobStatus = Field(description="`completed`, `failed` or `canceled`.")
    error: JobError | None = Field(description="Why the job failed. Null unless the status is `failed`.")
    created_at: datetime = Field(description="When the job was created.")
    finished_at: datetime | None = Field(description="When the job ended.")
    expired_at: datetime | None = Field(description="When the job's files were removed.")
    job: str = Field(description="URL of the job: a path, or an absolute URL if the service sets `V2M_PUBLIC_URL`.")
    content: dict[Variant, str] = Field(description="URL of each result, in the same form.")


class JobEnded(BaseModel):
    """A job has ended. The format is that of Standard Webhooks."""

    type: EventType = Field(description="The type of the event.")
    timestamp: datetime | None = Field(description="When the job ended.")
    data: JobEndedData


def message_id(record: JobRecord) -> str:
    """The id of the message, the same at every attempt: receivers use it to ignore duplicates."""
    return f"msg_{record.id}_{record.status}"


def build_message(record: JobRecord, base_url: str = "") -> str:
    """The body, as JSON, for a job that has ended; `base_url` is the start of its URLs."""
    data = JobEndedData(
        id=record.id,
        kind=record.kind,
        status=record.status,
        error=record.error,
        created_at=record.created_at,
        finished_at=record.finished_at,
        expired_at=record.expired_at,
        job=f"{base_url}{record.path}",
        content={variant: f"{base_url}{url}" for variant, url in record.content.items()},
    )
    event = JobEnded(type=cast("EventType", f"job.{record.status}"), timestamp=record.finished_at, data=data)
    return event.model_dump_json()
