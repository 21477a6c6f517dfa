"""The job record: what the API knows of a job. Ours, because RQ's own jobs expire and know nothing of stages."""

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
    """Where a job stands."""

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
    """What is to be made."""

    SCORE = "score"
    CURVE = "curve"


class JobError(BaseModel):
    """Why a job failed: a stable word for programs, a sentence for people, the input at fault if any."""

    model_config = ConfigDict(frozen=True)

    code: str
    detail: str
    field: str | None = None


class Webhook(BaseModel):
    """Who is told of the job's end, and how far that has come.

    Attributes:
        url: where to.
        attempts: how often it was tried.
        delivered_at: when the receiver said that it has it.
        given_up_at: when it was tried for the last time, or the receiver asked for no more.
        next_at: when it is tried again; None before the first try, and once it is over.
        last_status: HTTP status of the last answer; None when there was none.
        last_error: why the last try was none that counts, in a sentence.
    """

    model_config = ConfigDict(frozen=True)

    url: str
    attempts: int = 0
    delivered_at: datetime | None = None
    given_up_at: datetime | None = None
    next_at: datetime | None = None
    last_status: int | None = None
    last_error: str | None = None


class Artifact(BaseModel):
    """One published file. It never changes: another attempt publishes its own files under its own number."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="File name, such as video.mp4.")
    bytes: int = Field(ge=0)


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
