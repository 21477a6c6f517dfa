"""Response bodies of the API."""

import hashlib
from datetime import datetime

from pydantic import BaseModel, Field, JsonValue

from jobs.record import JobError, JobKind, JobRecord, JobStatus, Webhook
from model_core.options import STAGES, ModelInfo, ScoreOptions
from model_core.results import Variant


class JobView(BaseModel):
    """A job: one video to score, or one event curve to compute."""

    id: str = Field(description="The job's id, 32 hexadecimal digits.")
    kind: JobKind
    status: JobStatus
    stage: str | None = Field(
        description=f"What the worker is doing: {', '.join(f'`{stage}`' for stage in STAGES)}. "
        "Null unless the job is in progress."
    )
    progress: float = Field(
        description="Progress of the whole job, from 0 to 1. It starts again at 0 if another worker takes over the job."
    )
    queue_position: int | None = Field(
        description="Position in the queue; 1 is the next job. Null unless the job is queued."
    )
    eta_s: float | None = Field(
        description="Estimated number of seconds until the job ends. Null if the job has ended or if there is no "
        "estimate yet."
    )
    prompt: str = Field(description="The prompt, without surrounding white space and control characters.")
    options: ScoreOptions
    upload_sha256: str | None = Field(description="SHA-256 of the uploaded video, 64 hexadecimal digits.")
    video: dict[str, JsonValue] = Field(
        description="Properties of the uploaded video. `duration` is in seconds; `width` and `height` are in pixels."
    )
    model: ModelInfo | None = Field(description="The model that creates the music. Null while the job is queued.")
    error: JobError | None = Field(description="Why the job failed. Null unless the status is `failed`.")
    cancel_requested: bool = Field(
        description="True if the job was asked to cancel. A job in progress stops at its worker's next step."
    )
    created_at: datetime = Field(description="When the job was created.")
    started_at: datetime | None = Field(description="When a worker started the job.")
    finished_at: datetime | None = Field(description="When the job ended.")
    expired_at: datetime | None = Field(description="When the job's files were removed. `content` is empty after that.")
    webhook: Webhook | None = Field(
        description="The webhook and the state of its delivery. Null if the job has none, and for a caller with a "
        "signed link."
    )
    content: dict[Variant, str] = Field(
        description="URL of each result. Empty until the job is completed. The URLs are paths, or absolute URLs if the "
        "service sets `V2M_PUBLIC_URL`."
    )

    @classmethod
    def of(cls, record: JobRecord, queue_position: int | None, eta_s: float | None, *, base_url: str = "") -> "JobView":
        """The view of a record, without its internal fields; `base_url` is the start of its URLs."""
        content = {variant: f"{base_url}{url}" for variant, url in record.content.items()}
        others = {"queue_position": queue_position, "eta_s": eta_s, "content": content}
        return cls.model_validate({**record.model_dump(), **others})

    def for_link(self) -> "JobView":
        """The view for a caller with a signed link: without the webhook, whose URL may contain a secret."""
        return self.model_copy(update={"webhook": None})

    @property
    def tag(self) -> str:
        """Hash of everything but `eta_s`, 32 hexadecimal digits."""
        return hashlib.sha256(self.model_dump_json(exclude={"eta_s"}).encode()).hexdigest()[:32]


class JobList(BaseModel):
    """One page of jobs, newest first."""

    jobs: list[JobView] = Field(description="The jobs of this page.")
    next_cursor: str | None = Field(description="Send this as `cursor` to get the next page. Null on the last page.")


class LinksView(BaseModel):
    """Signed links to a job. They work without an API key, exactly as they are, until they expire."""

    expires_at: datetime = Field(description="When the links expire.")
    content: dict[Variant, str] = Field(description="Signed link to each result, for `GET` and `HEAD`.")
    events: str = Field(description="Signed link to the job's events, for `GET`.")


class Health(BaseModel):
    """The API process is running."""

    status: str = Field(default="ok", description="Always `ok`.")


class Readiness(BaseModel):
    """The service can create and process jobs."""

    status: str = Field(default="ready", description="Always `ready`.")
    workers: int = Field(description="Number of workers with a loaded model.")
