"""Progress and time estimates of jobs: their stages, the learned pace of each stage, and the time until the end.

The pace is learned from completed jobs and kept in one Redis hash as moving averages, so that it follows a change of
machine or of settings within a few jobs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final, cast

from pydantic import BaseModel, ConfigDict
from redis import Redis

from jobs.infra.processes import heartbeat_ages
from jobs.record import JobKind, JobRecord, JobStatus
from jobs.repository import JobRecords
from model_core.options import ModelInfo

PUBLISH: Final = "publish"
"""The step after the last stage, in which the results go to the store. Job records never name it."""
# Approximate share of the wall time of each stage on a CPU. The shares need not be exact, only stable.
_SHARES: Final[Mapping[JobKind, Mapping[str, float]]] = {
    JobKind.SCORE: {"probe": 0.02, "curve": 0.23, "plan": 0.02, "generate": 0.5, "render": 0.13, "mux": 0.1},
    JobKind.CURVE: {"probe": 0.08, "curve": 0.92},
}
_KEY: Final = "v2m:pace"
_MEAN: Final = "job_s"
_WEIGHT: Final = 0.3  # of the newest job in a moving average


def list_stages(kind: JobKind) -> list[str]:
    """The stages in their order, ``PUBLISH`` last."""
    return [*_SHARES[kind], PUBLISH]


def overall_progress(kind: JobKind, stage: str, fraction: float) -> float:
    """Progress of the whole job in 0..1 when ``fraction`` (0..1) of ``stage`` is done.

    KeyError for a stage that this kind of job does not have.
    """
    share = _SHARES[kind][stage]
    return min(1.0, _share_before(kind, stage) + share * min(max(fraction, 0.0), 1.0))


def stage_fraction(kind: JobKind, stage: str, progress: float) -> float:
    """The completed fraction of ``stage`` in 0..1 at this progress of the whole job; inverts ``overall_progress``."""
    return min(1.0, max(0.0, (progress - _share_before(kind, stage)) / _SHARES[kind][stage]))


class Pace(BaseModel):
    """The speed of one kind of job: the seconds that each stage takes for one second of video."""

    model_config = ConfigDict(frozen=True)

    stages: dict[str, float]

    def remaining_s(self, record: JobRecord, duration_s: float) -> float:
        """Seconds of work left, from the stage and the progress of the job, for ``duration_s`` seconds of video."""
        stages = list_stages(record.kind)
        seconds = {stage: self.stages.get(stage, 0.0) * duration_s for stage in stages}
        if record.stage not in stages:  # not started, or waiting for the store
            return sum(seconds.values())
        done = seconds[record.stage] * stage_fraction(record.kind, record.stage, record.progress)
        return sum(seconds[stage] for stage in stages[stages.index(record.stage) :]) - done


def pace_name(kind: JobKind, model: ModelInfo | None = None) -> str:
    """Name of the pace of one model at one kind of job; without ``model``, of the average over all models."""
    return kind.value if model is None else f"{kind.value} {model.title}"


def video_duration_s(record: JobRecord) -> float | None:
    """Duration of the video in seconds; None when the probe found none."""
    duration = record.video.get("duration")
    return float(duration) if isinstance(duration, int | float) and duration > 0 else None


@dataclass(frozen=True)
class Forecast:
    """A snapshot of everything that time estimates depend on.

    Attributes:
        paces: paces by ``pace_name``.
        job_s: mean seconds of a job of any kind; None before the first one.
        busy: the jobs in progress.
        workers: number of live workers.
    """

    paces: Mapping[str, Pace] = field(default_factory=dict)
    job_s: float | None = None
    busy: tuple[JobRecord, ...] = ()
    workers: int = 0

    def eta_s(self, record: JobRecord, position: int | None = None) -> float | None:
        """Seconds until the job ends; None for a job that has ended, and when too little is known.

        ``position``: place in the queue, from 1; None when a worker has the job or is about to start it.
        """
        remaining_s = self._remaining_s(record)
        if record.is_final or remaining_s is None:
            return None
        if record.status is JobStatus.IN_PROGRESS or position is None:
            return remaining_s
        job_s = self.job_s
        if job_s is None or not self.workers:
            return None
        busy_s = [self._remaining_s(other) for other in self.busy]
        before_s = (position - 1) * job_s + sum(job_s if other_s is None else other_s for other_s in busy_s)
        return before_s / self.workers + remaining_s

    def _remaining_s(self, record: JobRecord) -> float | None:
        average = self.paces.get(pace_name(record.kind))
        pace = self.paces.get(pace_name(record.kind, record.model), average)
        duration_s = video_duration_s(record)
        return None if pace is None or duration_s is None else pace.remaining_s(record, duration_s)


class Paces:
    """The learned paces in Redis. Methods raise RedisError."""

    def __init__(self, redis: Redis, records: JobRecords, heartbeat_ttl_s: float) -> None:
        """``heartbeat_ttl_s``: a worker whose last heartbeat is older does not count as live."""
        self._redis = redis
        self._records = records
        self._ttl_s = heartbeat_ttl_s

    def record(self, record: JobRecord, seconds: Mapping[str, float]) -> None:
        """Adds a job, completed in one attempt with these seconds in each stage, to the averages.

        When two workers do this at the same time, one of the updates may be lost; an average can bear that.
        """
        duration_s = video_duration_s(record)
        if duration_s is None:
            return
        paces, job_s = self._read()
        changes = {_MEAN: repr(_moving_average(job_s, sum(seconds.values())))}
        for name in {pace_name(record.kind), pace_name(record.kind, record.model)}:
            before = paces[name].stages if name in paces else {}
            stages = {
                stage: _moving_average(before.get(stage), stage_s / duration_s) for stage, stage_s in seconds.items()
            }
            changes[name] = Pace(stages=stages).model_dump_json()
        self._redis.hset(_KEY, mapping=cast("Mapping[Any, Any]", changes))

    def forecast(self, *, queue: bool) -> Forecast:
        """A snapshot of the paces; with ``queue``, also of the jobs in progress and the number of live workers.

        Estimates for jobs that wait in the queue need both.
        """
        paces, job_s = self._read()
        if not queue:
            return Forecast(paces, job_s)
        workers = sum(age_s < self._ttl_s for age_s in heartbeat_ages(self._redis).values())
        return Forecast(paces, job_s, tuple(self._records.list_in_progress()), workers)

    def _read(self) -> tuple[dict[str, Pace], float | None]:
        raw = cast("dict[bytes, bytes]", self._redis.hgetall(_KEY))
        mean = raw.pop(_MEAN.encode(), None)
        paces = {name.decode(): Pace.model_validate_json(text) for name, text in raw.items()}
        return paces, None if mean is None else float(mean)


def _share_before(kind: JobKind, stage: str) -> float:
    shares = _SHARES[kind]
    return sum(shares[name] for name in takewhile(lambda name: name != stage, shares))


def _moving_average(average: float | None, newest: float) -> float:
    return newest if average is None else (1 - _WEIGHT) * average + _WEIGHT * newest
