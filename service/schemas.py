"""What the API answers with."""

from datetime import datetime

from pydantic import BaseModel, Field, JsonValue

from jobs.artifact import Variant
from jobs.record import JobError, JobRecord, JobStatus
from model_core.options import STAGES, ModelInfo, ScoreOptions


class JobView(BaseModel):
    """A job as the API shows it."""

    id: str
    status: JobStatus
    stage: str | None = Field(description=f"While in progress: one of {', '.join(STAGES)}.")
    progress: float = Field(description="0 to 1, over the whole job.")
    queue_position: int | None = Field(description="While queued: 1 is next.")
    prompt: str
    options: ScoreOptions
    video: dict[str, JsonValue] = Field(description="What the probe found: duration, size, fps, codecs.")
    model: ModelInfo | None = Field(description="Which model makes it, or made it; null while queued.")
    error: JobError | None = Field(description="Why the job failed.")
    cancel_requested: bool = Field(description="Somebody asked for it to be canceled, and its worker will stop.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expired_at: datetime | None = Field(description="When its files were removed.")
    content: dict[Variant, str] = Field(description="Paths of the results, once the job is completed.")

    @classmethod
    def of(cls, record: JobRecord, queue_position: int | None) -> "JobView":
        """The view of a record, without what is of no use to clients."""
        content = {variant: f"/v1/jobs/{record.id}/content?variant={variant}" for variant in record.artifacts}
        return cls.model_validate({**record.model_dump(), "queue_position": queue_position, "content": content})


class Health(BaseModel):
    """The process answers."""

    status: str = "ok"


class Readiness(BaseModel):
    """Jobs can be taken and will be worked on."""

    status: str = "ready"
    workers: int = Field(description="Workers with their model loaded.")
