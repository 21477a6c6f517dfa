"""What the API answers with. Members that a newer API adds are ignored."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class JobError(_Answer):
    """Why a job failed: a stable word, a sentence for people, and the input at fault if there is one."""

    code: str
    detail: str
    field: str | None = None


class Model(_Answer):
    """Which model makes a job, or made it; ``licence`` is an SPDX identifier."""

    name: str
    version: str
    kind: str
    licence: str
    base: str | None = None


class Job(_Answer):
    """A job as it was when the API answered.

    Attributes:
        kind: ``score`` or ``curve``.
        stage: while in progress.
        progress: 0 to 1, over the whole job.
        queue_position: while queued; 1 is next.
        eta_s: estimated seconds until it is over.
        options: as the API understood them; None is the model's choice.
        video: what the API found out about the upload; ``duration`` is in seconds.
        content: paths of the results, by variant.
        upload_sha256: of the video as it arrived, in hexadecimal digits.
        webhook: where the end of the job is told, and how that went.
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
        """True when its status can never change again."""
        return self.status in ("completed", "failed", "canceled")


class Page(_Answer):
    """Some of the jobs, the newest first; ``next_cursor`` is None on the last page."""

    jobs: list[Job]
    next_cursor: str | None


class Links(_Answer):
    """Addresses that work without a key until ``expires_at``: of each result by variant, and of the events."""

    expires_at: datetime
    content: dict[str, str]
    events: str


class Content(_Answer):
    """A result: the name that the API gives it, its size in bytes where it is known, and its media type."""

    name: str
    bytes: int | None
    media_type: str
