"""Job records: the stored state of a job, kept apart from RQ's jobs, which expire and have no stages."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from model_core.options import ModelInfo, ScoreOptions
from model_core.results import Variant

_JOB_ID: Final = re.compile(r"[0-9a-f]{32}")


class JobStatus(StrEnum):
    """The status of a job. `completed`, `failed` and `canceled` are final."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


MOVES: Final[dict[JobStatus, frozenset[JobStatus]]] = {
    JobStatus.QUEUED: frozenset({JobStatus.IN_PROGRESS, JobStatus.FAILED, JobStatus.CANCELED}),
    # back to queued: its worker stopped, was lost, or could not reach the store
    JobStatus.IN_PROGRESS: frozenset(JobStatus) - {JobStatus.IN_PROGRESS},
    JobStatus.COMPLETED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.CANCELED: frozenset(),
}
"""The statuses that each status may become. The last three are final."""


class JobKind(StrEnum):
    """What a job creates: `score` a video with music, `curve` the event curve only."""

    SCORE = "score"
    CURVE = "curve"


class JobError(BaseModel):
    """Why a job failed."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(description="The type of the error. It never changes; use it in programs.")
    detail: str = Field(description="What went wrong, as a sentence. The wording may change.")
    field: str | None = Field(default=None, description="The invalid input, if there is one.")


class Webhook(BaseModel):
    """A job's webhook and the state of its delivery."""

    model_config = ConfigDict(frozen=True)

    url: str = Field(description="The URL that the event is sent to.")
    attempts: int = Field(default=0, description="Number of attempts so far.")
    delivered_at: datetime | None = Field(default=None, description="When the receiver confirmed the event.")
    given_up_at: datetime | None = Field(
        default=None, description="When the last attempt failed, or the receiver answered 410."
    )
    next_at: datetime | None = Field(
        default=None, description="When the next attempt is due. Null before the first attempt and after the last."
    )
    last_status: int | None = Field(
        default=None, description="HTTP status of the last answer. Null if there was no answer."
    )
    last_error: str | None = Field(default=None, description="Why the last attempt failed, as a sentence.")


class Artifact(BaseModel):
    """One published file. It never changes: another attempt publishes its own files."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="File name, such as video.mp4.")
    bytes: int = Field(ge=0, description="Size of the file.")


class JobRecord(BaseModel):
    """One job as it stood when it was read.

    Attributes:
        attempt: counts the workers that started it.
        crashes: counts those that died of it, or with it.
        retries: counts those that gave it back because the store did not work.
        worker: name of the one that has it; None unless it is in progress.
        model: of the worker that started it last; None while it is queued.
        cancel_requested: its worker will stop at its next step.
        artifacts: what its last attempt published; none before completion, and none once they have expired.
        expired_at: when its files were removed.
        request_id: of the request that made it.
        upload_bytes: size of its upload.
        upload_sha256: of the upload, in hexadecimal digits.
        kind: what is to be made: a scored video, or the event curve alone.
        owner: name of the API key that made it, which alone sees it; None where the service has no keys.
        webhook: who is told of its end; None when nobody asked for it.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    status: JobStatus = JobStatus.QUEUED
    stage: str | None = None
    progress: float = Field(default=0.0, ge=0.0, le=1.0)
    prompt: str = ""
    options: ScoreOptions = ScoreOptions()
    video: dict[str, JsonValue] = Field(default_factory=dict)
    error: JobError | None = None
    attempt: int = 0
    crashes: int = 0
    retries: int = 0
    worker: str | None = None
    model: ModelInfo | None = None
    cancel_requested: bool = False
    artifacts: dict[Variant, Artifact] = Field(default_factory=dict)
    request_id: str | None = None
    upload_bytes: int = 0
    upload_sha256: str | None = None
    kind: JobKind = JobKind.SCORE
    owner: str | None = None
    webhook: Webhook | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expired_at: datetime | None = None

    @classmethod
    def new(
        cls,
        prompt: str,
        options: ScoreOptions,
        video: dict[str, JsonValue],
        **others: Any,
    ) -> "JobRecord":
        """A queued job with a fresh id; ``others`` are attributes by name."""
        return cls(id=uuid4().hex, prompt=prompt, options=options, video=video, created_at=now(), **others)

    @property
    def path(self) -> str:
        """Path of the job in the API."""
        return f"/v1/jobs/{self.id}"

    @property
    def content(self) -> dict[Variant, str]:
        """Path and query of each result in the API."""
        return {variant: f"{self.path}/content?variant={variant}" for variant in self.artifacts}

    @property
    def is_final(self) -> bool:
        """True when the status can never change again."""
        return not MOVES[self.status]


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def is_job_id(text: str) -> bool:
    """True for what ``JobRecord.new`` makes as an id; anything else must never reach a path or a Redis key."""
    return _JOB_ID.fullmatch(text) is not None


def check_job_id(text: str) -> str:
    """The id itself; ValueError when it is not one."""
    if not is_job_id(text):
        raise ValueError("a job id is 32 hexadecimal digits")
    return text
