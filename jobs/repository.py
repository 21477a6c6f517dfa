"""Job records in Redis: one hash a job, every change of status checked and made in one atomic step.

A worker that starts a job gets the number of its attempt and a lease, which it renews. What it asks for afterwards is
refused once the job has been given to another.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final, Literal, cast

from pydantic_core import from_json, to_json
from redis import Redis
from redis.client import Pipeline
from redis.commands.core import Script

from jobs import transitions
from jobs.infra.redis_connection import server_time
from jobs.record import Artifact, JobError, JobRecord, JobStatus, check_job_id, now
from model_core.options import ModelInfo
from model_core.results import Variant

OPEN_KEY: Final = "v2m:open"
LEASES_KEY: Final = "v2m:leases"
WEBHOOKS_KEY: Final = "v2m:webhooks"
OWNERS_KEY: Final = "v2m:owners"
_OWNED: Final = "v2m:owned:"
_MANY: Final = 1000
_KEPT_KEYS: Final = {"uploads": "v2m:kept:uploads", "results": "v2m:kept:results"}


class RecordError(Exception):
    """A change that the record does not allow."""


class UnknownJobError(RecordError):
    """There is no record of that id: it never was, or its retention is over."""


class IllegalMoveError(RecordError):
    """The job's status does not allow this move."""


class StaleAttemptError(RecordError):
    """The job has been given to another worker since this attempt began."""


class CancelRequestedError(RecordError):
    """Somebody asked for the job to be canceled: its worker should stop, and then say so."""


def owned_key(owner: str | None) -> str:
    """The Redis key of the list of one owner's jobs, by their time of making."""
    return _OWNED + (owner or "")


class JobRecords:
    """The records of all jobs. Changes may be asked for twice: they are made, and counted, once."""

    def __init__(self, redis: Redis, record_retention_s: int) -> None:
        """``record_retention_s``: seconds that a record outlives its files."""
        self._redis = redis
        self._record_retention_s = record_retention_s
        self._scripts: dict[str, Script] = {
            name: redis.register_script(getattr(transitions, name))
            for name in ("START", "ADVANCE", "LEAVE", "GIVE_BACK", "CANCEL", "EXPIRE", "REMOVE")
        }

    @staticmethod
    def key(job_id: str) -> str:
        """The Redis key of a record; ValueError when the id is malformed."""
        return f"v2m:job:{check_job_id(job_id)}"

    def create(self, record: JobRecord, pipeline: Pipeline) -> None:
        """Adds writing a new record to ``pipeline``, so that it appears together with its place in the queue."""
        fields = _encode({name: getattr(record, name) for name in JobRecord.model_fields})
        pipeline.hset(self.key(record.id), mapping=cast("Mapping[Any, Any]", fields))
        pipeline.zadd(OPEN_KEY, {record.id: record.created_at.timestamp()})
        pipeline.zadd(owned_key(record.owner), {record.id: record.created_at.timestamp()})
        pipeline.sadd(OWNERS_KEY, record.owner or "")

    def get(self, job_id: str) -> JobRecord | None:
        """The record as it is now, or None."""
        raw = cast("dict[bytes, bytes]", self._redis.hgetall(self.key(job_id)))
        return _decode(raw) if raw else None

    def exists(self, job_id: str) -> bool:
        """True while there is a record of the job."""
        return bool(self._redis.exists(self.key(job_id)))

    def open_ids(self) -> list[str]:
        """The jobs that are queued or in progress, the oldest first."""
        return _texts(self._redis.zrange(OPEN_KEY, 0, -1))

    def open_of(self, owner: str | None) -> int:
        """How many jobs of this owner are queued or in progress."""
        return int(self._redis.zintercard(2, [OPEN_KEY, owned_key(owner)]))

    def many(self, job_ids: Sequence[str]) -> list[JobRecord | None]:
        """The records as they are now, asked for at once, in the order of the ids; None where there is none."""
        if not job_ids:
            return []
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hgetall(self.key(job_id))
            raws = cast("list[dict[bytes, bytes]]", pipeline.execute())
        return [_decode(raw) if raw else None for raw in raws]

    def in_progress(self) -> list[JobRecord]:
        """The records of all jobs that a worker has; there are never more of them than workers."""
        held = _texts(self._redis.zrange(LEASES_KEY, 0, -1))
        return [record for record in self.many(held) if record is not None and record.status is JobStatus.IN_PROGRESS]

    def page(self, owner: str | None, size: int, before: tuple[float, str] | None = None) -> list[JobRecord]:
        """The newest jobs of this owner, at most ``size``, the newest first.

        ``before``: only those older than the job of this time of making, in seconds, and this id, which may be gone.
        """
        key, found, at_once = owned_key(owner), list[JobRecord](), size
        while len(found) < size and (rows := self._older(key, before, at_once)):
            before = rows[-1]
            records = self.many([job_id for _, job_id in rows])
            gone = [job_id for (_, job_id), record in zip(rows, records, strict=True) if record is None]
            if gone:  # their retention is over; there may be many more of these, since they are the oldest
                self._redis.zrem(key, *gone)
                at_once = _MANY
            found += [record for record in records if record is not None]
        return found[:size]

    def _older(self, key: str, before: tuple[float, str] | None, count: int) -> list[tuple[float, str]]:
        """Jobs are ordered by time, those of the same time by their ids, as Redis does it, backwards."""
        last, skipped = ("+inf" if before is None else before[0]), 0
        while True:
            answer = self._redis.zrevrangebyscore(key, last, "-inf", start=skipped, num=count, withscores=True)
            rows = [(made, name.decode()) for name, made in cast("list[tuple[bytes, float]]", answer)]
            older = rows if before is None else [row for row in rows if row < before]
            if older or len(rows) < count:
                return older
            skipped += count  # all of these are of the same time as the last one, and newer by their ids

    def remove(self, record: JobRecord) -> None:
        """Forgets a job that is not in progress, its record and every trace of it.

        IllegalMoveError while it is in progress; UnknownJobError when it is gone, be it by this very call, whose answer
        got lost the first time.
        """
        self._change("REMOVE", record.id, [])
        self._redis.zrem(owned_key(record.owner), record.id)  # without this ``page`` does it

    def kept(self, what: Literal["uploads", "results"], before: float | None = None, limit: int = 100) -> list[str]:
        """Jobs that are over and whose upload, or results, are still kept, the first to end first.

        ``before``: only those that ended before this time, in seconds since 1970 by the server's clock.
        """
        last = "+inf" if before is None else before
        return _texts(self._redis.zrangebyscore(_KEPT_KEYS[what], "-inf", last, start=0, num=limit))

    def start(self, job_id: str, model: ModelInfo, worker: str) -> int:
        """Begins an attempt of ``worker`` by ``model``, with a lease; returns the attempt's number, from 1."""
        fields = {"stage": None, "progress": 0.0, "error": None, "model": model, "started_at": now()}
        return int(self._change("START", job_id, [_json(worker), *_pairs(fields)]))

    def hold(self, job_id: str, attempt: int) -> None:
        """Renews the lease of an attempt; CancelRequestedError changes nothing about that."""
        self._change("ADVANCE", job_id, [str(attempt)])

    def advance(self, job_id: str, attempt: int, stage: str, progress: float) -> None:
        """Notes how far an attempt has come (``progress`` in 0..1 over the whole job) and renews its lease."""
        self._change("ADVANCE", job_id, [str(attempt), *_pairs({"stage": stage, "progress": progress})])

    def complete(self, job_id: str, attempt: int, artifacts: Mapping[Variant, Artifact]) -> None:
        """Done: publishes what the attempt has put into the store."""
        fields = {"progress": 1.0, "artifacts": dict(artifacts)}
        self._change("LEAVE", job_id, [str(attempt), JobStatus.COMPLETED, _json(now()), *_pairs(fields)])

    def fail(self, job_id: str, error: JobError, attempt: int | None = None) -> None:
        """Over, with the reason; by the attempt that has it, or by whoever sees that it can never be run."""
        asking = "" if attempt is None else str(attempt)
        self._change("LEAVE", job_id, [asking, JobStatus.FAILED, _json(now()), *_pairs({"error": error})])

    def cancel(self, job_id: str, attempt: int) -> None:
        """Over, because somebody asked for it and the attempt has stopped."""
        self._change("LEAVE", job_id, [str(attempt), JobStatus.CANCELED, _json(now()), *_pairs({"error": None})])

    def request_cancel(self, job_id: str) -> JobStatus:
        """Cancels a job that waits, asks the worker of one in progress to stop; returns the status after it."""
        return JobStatus(self._change("CANCEL", job_id, [_json(now())]))

    def requeue(self, job_id: str, attempt: int) -> JobStatus:
        """Back into the queue, after its worker stopped in good order; canceled, if that was asked for meanwhile."""
        return self._give_back(job_id, attempt)

    def crashed(self, job_id: str, attempt: int, limit: int, error: JobError) -> JobStatus:
        """Back into the queue after its worker was lost; failed with ``error`` the ``limit``-th time."""
        return self._give_back(job_id, attempt, "crashes", limit, error)

    def put_off(self, job_id: str, attempt: int, limit: int, error: JobError) -> JobStatus:
        """Back into the queue because the store does not work; failed with ``error`` after ``limit`` times."""
        return self._give_back(job_id, attempt, "retries", limit + 1, error)

    def upload_removed(self, job_id: str) -> None:
        """Its upload is not kept any more."""
        self._redis.zrem(_KEPT_KEYS["uploads"], job_id)

    def expired(self, job_id: str) -> None:
        """None of its files is kept any more; the record itself goes some time later."""
        self._change("EXPIRE", job_id, [_json(now()), str(self._record_retention_s)])

    def forget(self, job_id: str) -> None:
        """Takes a job without a record out of every index."""
        for key in (OPEN_KEY, LEASES_KEY, *_KEPT_KEYS.values()):
            self._redis.zrem(key, job_id)

    def seconds_since_held(self, job_id: str) -> float:
        """How long ago the lease was renewed, by the server's clock; infinite when there is none."""
        now = server_time(self._redis)
        held = self._redis.zscore(LEASES_KEY, job_id)
        return float("inf") if held is None else now - float(held)

    def _give_back(
        self, job_id: str, attempt: int, counter: str = "", limit: int = 0, error: JobError | None = None
    ) -> JobStatus:
        return JobStatus(
            self._change("GIVE_BACK", job_id, [str(attempt), _json(now()), counter, str(limit), _json(error)])
        )

    def _change(self, move: str, job_id: str, args: list[str]) -> str:
        keys = [self.key(job_id), OPEN_KEY, LEASES_KEY, *_KEPT_KEYS.values(), WEBHOOKS_KEY]
        answer = self._scripts[move](keys=keys, args=[job_id, *args])
        verdict, detail = (part.decode() for part in cast("list[bytes]", answer))
        if verdict == "missing":
            raise UnknownJobError(f"there is no job {job_id}")
        if verdict == "refused":
            raise IllegalMoveError(f"job {job_id} is {detail}, which does not allow this: {move.lower()}")
        if verdict == "stale":
            raise StaleAttemptError(f"the job {job_id} has been given to another worker meanwhile")
        if verdict == "cancel":
            raise CancelRequestedError(f"somebody asked for the job {job_id} to be canceled")
        return detail


def _texts(members: Any) -> list[str]:
    return [member.decode() for member in cast("list[bytes]", members)]


def _json(value: Any) -> str:
    return to_json(value).decode()


def _pairs(fields: Mapping[str, Any]) -> list[str]:
    return list(chain.from_iterable(_encode(fields).items()))


def _encode(fields: Mapping[str, Any]) -> dict[str, str]:
    """Hash fields: JSON each, but the status bare, because the scripts compare it."""
    return {name: str(value) if name == "status" else _json(value) for name, value in fields.items()}


def _decode(raw: Mapping[bytes, bytes]) -> JobRecord:
    fields = {name.decode(): value for name, value in raw.items()}
    status = fields.pop("status").decode()
    return JobRecord.model_validate({"status": status, **{name: from_json(value) for name, value in fields.items()}})
