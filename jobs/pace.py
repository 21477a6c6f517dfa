"""How fast jobs go, learnt from those that were completed: one hash in Redis.

The averages move, so that they follow a change of machine or of settings within a few jobs.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from redis import Redis

from jobs.forecast import Forecast, Pace, duration_of, pace_name
from jobs.infra.liveness import silences
from jobs.record import JobRecord
from jobs.repository import JobRecords

_KEY: Final = "v2m:pace"
_MEAN: Final = "job_s"
_WEIGHT: Final = 0.3
"""Of the newest job in an average."""


class Paces:
    """Learns, and forecasts from what was learnt."""

    def __init__(self, redis: Redis, records: JobRecords, heartbeat_ttl_s: float) -> None:
        """``heartbeat_ttl_s``: a worker that was silent for longer does not count."""
        self._redis = redis
        self._records = records
        self._ttl_s = heartbeat_ttl_s

    def note(self, record: JobRecord, seconds: Mapping[str, float]) -> None:
        """A job of this kind was completed by this model in one attempt, with so many seconds in each stage.

        Of two workers that note at the same moment one may go unheard, which an average can bear.
        """
        duration_s = duration_of(record)
        if duration_s is None:
            return
        paces, job_s = self._learnt()
        changes = {_MEAN: repr(_moved(job_s, sum(seconds.values())))}
        for name in {pace_name(record.kind), pace_name(record.kind, record.model)}:
            before = paces[name].stages if name in paces else {}
            stages = {stage: _moved(before.get(stage), took / duration_s) for stage, took in seconds.items()}
            changes[name] = Pace(stages=stages).model_dump_json()
        self._redis.hset(_KEY, mapping=cast("Mapping[Any, Any]", changes))

    def forecast(self, *, queue: bool) -> Forecast:
        """What is known now; ``queue``: also of what jobs that wait depend on, the jobs in progress and the workers."""
        paces, job_s = self._learnt()
        if not queue:
            return Forecast(paces, job_s)
        workers = sum(silence < self._ttl_s for silence in silences(self._redis).values())
        return Forecast(paces, job_s, tuple(self._records.in_progress()), workers)

    def _learnt(self) -> tuple[dict[str, Pace], float | None]:
        raw = cast("dict[bytes, bytes]", self._redis.hgetall(_KEY))
        mean = raw.pop(_MEAN.encode(), None)
        paces = {name.decode(): Pace.model_validate_json(text) for name, text in raw.items()}
        return paces, None if mean is None else float(mean)


def _moved(average: float | None, newest: float) -> float:
    return newest if average is None else (1 - _WEIGHT) * average + _WEIGHT * newest
