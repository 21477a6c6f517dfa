"""When a job will be over, worked out from what earlier ones took. Numbers alone; ``jobs.pace`` keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from jobs.record import JobKind, JobRecord, JobStatus
from jobs.stages import fraction_of, stages_of
from model_core.options import ModelInfo


class Pace(BaseModel):
    """What one kind of job takes: seconds of each stage for one second of video."""

    model_config = ConfigDict(frozen=True)

    stages: dict[str, float]

    def left_s(self, record: JobRecord, duration_s: float) -> float:
        """Seconds of work until the job is over; its stage and progress tell what is done of it."""
        stages = stages_of(record.kind)
        seconds = {stage: self.stages.get(stage, 0.0) * duration_s for stage in stages}
        if record.stage not in stages:  # it has not begun, or waits for the store
            return sum(seconds.values())
        done = seconds[record.stage] * fraction_of(record.kind, record.stage, record.progress)
        return sum(seconds[stage] for stage in stages[stages.index(record.stage) :]) - done


def pace_name(kind: JobKind, model: ModelInfo | None = None) -> str:
    """Of the pace of one model at one kind of job, or of all models together."""
    return kind.value if model is None else f"{kind.value} {model.title}"


def duration_of(record: JobRecord) -> float | None:
    """Seconds of video; None where the probe did not tell."""
    duration = record.video.get("duration")
    return float(duration) if isinstance(duration, int | float) and duration > 0 else None


@dataclass(frozen=True)
class Forecast:
    """All that is needed to say when jobs will be over, as it stood at one moment.

    Attributes:
        paces: by ``pace_name``.
        job_s: mean seconds of a job, of whatever kind; None before the first one.
        busy: the jobs in progress.
        workers: how many live.
    """

    paces: Mapping[str, Pace] = field(default_factory=dict)
    job_s: float | None = None
    busy: tuple[JobRecord, ...] = ()
    workers: int = 0

    def eta_s(self, record: JobRecord, position: int | None = None) -> float | None:
        """Seconds until the job is over; None when it is, and while nothing is known.

        ``position``: its place in the queue, from 1; None when a worker has it, or takes it at this moment.
        """
        left_s = self._left_s(record)
        if record.is_final or left_s is None:
            return None
        if record.status is JobStatus.IN_PROGRESS or position is None:
            return left_s
        job_s = self.job_s
        if job_s is None or not self.workers:
            return None
        under_way = [self._left_s(other) for other in self.busy]
        before_s = (position - 1) * job_s + sum(job_s if other_s is None else other_s for other_s in under_way)
        return before_s / self.workers + left_s

    def _left_s(self, record: JobRecord) -> float | None:
        of_all = self.paces.get(pace_name(record.kind))
        pace = self.paces.get(pace_name(record.kind, record.model), of_all)
        duration_s = duration_of(record)
        return None if pace is None or duration_s is None else pace.left_s(record, duration_s)
