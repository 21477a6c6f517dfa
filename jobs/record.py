"""The job record: what the API knows of a job. Ours, because RQ's own jobs expire and know nothing of stages."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from model_core.options import ModelInfo, ScoreOptions

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
    # in_progress to itself is a new attempt that takes over from a worker that was lost
    JobStatus.IN_PROGRESS: frozenset(JobStatus),
    JobStatus.COMPLETED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.CANCELED: frozenset(),
}
"""The statuses that each status may become. The last three are final."""


class JobError(BaseModel):
    """Why a job failed: a stable word for programs, a sentence for people, the input at fault if any."""

    model_config = ConfigDict(frozen=True)

    code: str
    detail: str
    field: str | None = None


class JobRecord(BaseModel):
    """One job as it stood when it was read.

    Attributes:
        attempt: counts the workers that started it.
        model: of the worker that started it last; None while it is queued.
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
    model: ModelInfo | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @classmethod
    def new(cls, prompt: str, options: ScoreOptions, video: dict[str, JsonValue]) -> "JobRecord":
        """A queued job with a fresh id."""
        return cls(id=uuid4().hex, prompt=prompt, options=options, video=video, created_at=now())

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
