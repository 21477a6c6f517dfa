"""Response bodies of the API. Unknown members, which a newer API may add, are ignored."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class JobError(_Answer):
    """Reason for the failure of a job: a code that never changes, a sentence, and the invalid input if there is one."""

    code: str
    detail: str
    field: str | None = None


class Model(_Answer):
    """The model that creates the music; `licence` is an SPDX identifier."""

    name: str
    version: str
    kind: str
    licence: str
    base: str | None = None


class Job(_Answer):
    """A job at the time of the API's answer.

    Attributes:
        kind: `score` or `curve`.
        stage: what the worker is doing, while in progress.
        progress: 0 to 1 over the whole job.
        queue_position: position in the queue, while queued; 1 is the next job.
        eta_s: estimated seconds until the job ends.
        options: the options of the job; the model chooses those that are None.
        video: properties of the upload; `duration` is in seconds.
        content: URL of each result, by variant.
        upload_sha256: SHA-256 of the uploaded video, in hexadecimal digits.
        webhook: the webhook and the state of its delivery.
    """

    id: str
    kind: str = "score"
    status: Literal["queued", "in_progress", "completed", "failed", "canceled"]
    stage: str | None = None
    progress: float = 0.0
    queue_position: int | None = None
    eta_s: float | None = None
    prompt: str = ""
    options: dict[str, JsonValue] = {}
    video: dict[str, JsonValue] = {}
    model: Model | None = None
    error: JobError | None = None
    cancel_requested: bool = False
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expired_at: datetime | None = None
    content: dict[str, str] = {}
    upload_sha256: str | None = None
    webhook: dict[str, JsonValue] | None = None

    @property
    def is_over(self) -> bool:
        """True if the status is final."""
        return self.status in ("completed", "failed", "canceled")


class Page(_Answer):
    """One page of jobs, newest first; `next_cursor` is None on the last page."""

    jobs: list[Job]
    next_cursor: str | None


class Links(_Answer):
    """Signed links to each result, by variant, and to the events. They work without a key until `expires_at`."""

    expires_at: datetime
    content: dict[str, str]
    events: str


class Content(_Answer):
    """A result: its file name, its size in bytes if it is known, and its media type."""

    name: str
    bytes: int | None
    media_type: str
