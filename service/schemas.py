"""What the API answers with."""

import hashlib
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from jobs.record import JobError, JobKind, JobRecord, JobStatus, Webhook
from model_core.options import STAGES, ModelInfo, ScoreOptions
from model_core.results import Variant
from service.openapi.examples import JOB


class JobView(BaseModel):
    """A job as the API shows it."""

    model_config = ConfigDict(json_schema_extra={"examples": [JOB]})

    id: str
    kind: JobKind = Field(description="What is made: a scored video, or the event curve alone.")
    status: JobStatus
    stage: str | None = Field(description=f"While in progress: one of {', '.join(STAGES)}.")
    progress: float = Field(description="0 to 1, over the whole job.")
    queue_position: int | None = Field(description="While queued: 1 is next.")
    eta_s: float | None = Field(
        description="Estimated seconds until the job is over; null when it is, and while nothing is known."
    )
    prompt: str
    options: ScoreOptions
    upload_sha256: str | None = Field(description="SHA-256 of the upload, in hexadecimal digits.")
    video: dict[str, JsonValue] = Field(description="What the probe found: duration, size, fps, codecs.")
    model: ModelInfo | None = Field(description="Which model makes it, or made it; null while queued.")
    error: JobError | None = Field(description="Why the job failed.")
    cancel_requested: bool = Field(description="Somebody asked for it to be canceled, and its worker will stop.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expired_at: datetime | None = Field(description="When its files were removed.")
    webhook: Webhook | None = Field(
        description="Who is told of the job's end, and how far that has come; null for who follows it by a link."
    )
    content: dict[Variant, str] = Field(description="Paths of the results, once the job is completed.")

    @classmethod
    def of(cls, record: JobRecord, queue_position: int | None, eta_s: float | None) -> "JobView":
        """The view of a record, without what is of no use to clients."""
        content = {variant: f"/v1/jobs/{record.id}/content?variant={variant}" for variant in record.artifacts}
        others = {"queue_position": queue_position, "eta_s": eta_s, "content": content}
        return cls.model_validate({**record.model_dump(), **others})

    def for_link(self) -> "JobView":
        """As who was given a link sees it: the webhook's address, which may hold a secret, is the owner's affair."""
        return self.model_copy(update={"webhook": None})

    @property
    def tag(self) -> str:
        """The same for two views of a job that show the same, but for ``eta_s``; 32 hexadecimal digits."""
        return hashlib.sha256(self.model_dump_json(exclude={"eta_s"}).encode()).hexdigest()[:32]


class JobList(BaseModel):
    """Some of the jobs, the newest first."""

    jobs: list[JobView]
    next_cursor: str | None = Field(description="Where the next page begins; null on the last one.")


class LinksView(BaseModel):
    """Addresses that carry their own permission: a path and a query each, to be used as they are."""

    expires_at: datetime = Field(description="When they stop working.")
    content: dict[Variant, str] = Field(description="Of the results that are there.")
    events: str = Field(description="Of the job's events.")


class Health(BaseModel):
    """The process answers."""

    status: str = "ok"


class Readiness(BaseModel):
    """Jobs can be taken and will be worked on."""

    status: str = "ready"
    workers: int = Field(description="Workers with their model loaded.")
