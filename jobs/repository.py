"""Job records in Redis: one hash per job, with every transition checked and applied in one atomic step.

A worker that starts a job gets an attempt number and a lease, which it renews. Once another attempt has started, the
changes of the earlier one are refused.
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
    """A change that the state of the record does not allow."""


class UnknownJobError(RecordError):
    """There is no record with this id: it never existed, or it has expired."""


class IllegalTransitionError(RecordError):
    """The job's status does not allow this transition."""


class StaleAttemptError(RecordError):
    """A later attempt has started since this one."""


class CancelRequestedError(RecordError):
    """Cancellation of the job was requested: its worker should stop and then confirm with ``cancel``."""


def owned_key(owner: str | None) -> str:
    """Redis key of the sorted set of one owner's jobs, by time of creation."""
    return _OWNED + (owner or "")


class JobRecords:
    """The records of all jobs. Every change may be requested twice and takes effect once. Methods raise RedisError."""

    def __init__(self, redis: Redis, record_retention_s: int) -> None:
        """``record_retention_s``: seconds that a record is kept after its files have expired."""
        self._redis = redis
        self._record_retention_s = record_retention_s
        self._scripts: dict[str, Script] = {
            name: redis.register_script(getattr(transitions, name))
            for name in ("START", "ADVANCE", "FINISH", "REQUEUE", "CANCEL", "EXPIRE", "REMOVE")
        }

    @staticmethod
    def key(job_id: str) -> str:
        """Redis key of a record; ValueError when the id is malformed."""
        return f"v2m:job:{check_job_id(job_id)}"

    def create(self, record: JobRecord, pipeline: Pipeline) -> None:
        """Adds the commands that write a new record to ``pipeline``, so that record and queue entry appear together."""
        fields = _encode({name: getattr(record, name) for name in JobRecord.model_fields})
        pipeline.hset(self.key(record.id), mapping=cast("Mapping[Any, Any]", fields))
        pipeline.zadd(OPEN_KEY, {record.id: record.created_at.timestamp()})
        pipeline.zadd(owned_key(record.owner), {record.id: record.created_at.timestamp()})
        pipeline.sadd(OWNERS_KEY, record.owner or "")

    def get(self, job_id: str) -> JobRecord | None:
        """The current record, or None."""
        raw = cast("dict[bytes, bytes]", self._redis.hgetall(self.key(job_id)))
        return _decode(raw) if raw else None

    def exists(self, job_id: str) -> bool:
        """True while the job has a record."""
        return bool(self._redis.exists(self.key(job_id)))

    def list_open(self) -> list[str]:
        """Ids of the jobs that are queued or in progress, the oldest first."""
        return _texts(self._redis.zrange(OPEN_KEY, 0, -1))

    def count_open(self, owner: str | None) -> int:
        """Number of jobs of this owner that are queued or in progress."""
        return int(self._redis.zintercard(2, [OPEN_KEY, owned_key(owner)]))

    def get_many(self, job_ids: Sequence[str]) -> list[JobRecord | None]:
        """The current records in the order of the ids, with one round trip; None where there is none."""
        if not job_ids:
            return []
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hgetall(self.key(job_id))
            raws = cast("list[dict[bytes, bytes]]", pipeline.execute())
        return [_decode(raw) if raw else None for raw in raws]

    def list_in_progress(self) -> list[JobRecord]:
        """The records of all jobs in progress, never more than there are workers."""
        leased = self.get_many(_texts(self._redis.zrange(LEASES_KEY, 0, -1)))
        return [record for record in leased if record is not None and record.status is JobStatus.IN_PROGRESS]

    def list_page(self, owner: str | None, size: int, before: tuple[float, str] | None = None) -> list[JobRecord]:
        """At most ``size`` jobs of this owner, the newest first.

        ``before``: time of creation, in seconds since 1970, and id of a job, which may be gone: lists older jobs only.
        """
        key, found, batch = owned_key(owner), list[JobRecord](), size
        while len(found) < size and (rows := self._list_older(key, before, batch)):
            before = rows[-1]
            records = self.get_many([job_id for _, job_id in rows])
            gone = [job_id for (_, job_id), record in zip(rows, records, strict=True) if record is None]
            if gone:  # expired; many more may follow, since they are the oldest
                self._redis.zrem(key, *gone)
                batch = _MANY
            found += [record for record in records if record is not None]
        return found[:size]

    def _list_older(self, key: str, before: tuple[float, str] | None, count: int) -> list[tuple[float, str]]:
        """Pairs of time and id in descending order: by time, then by id, as Redis sorts them."""
        last, skipped = ("+inf" if before is None else before[0]), 0
        while True:
            answer = self._redis.zrevrangebyscore(key, last, "-inf", start=skipped, num=count, withscores=True)
            rows = [(created, name.decode()) for name, created in cast("list[tuple[bytes, float]]", answer)]
            older = rows if before is None else [row for row in rows if row < before]
            if older or len(rows) < count:
                return older
            skipped += count  # all of these have the time of ``before`` and come ahead of it by id

    def remove(self, record: JobRecord) -> None:
        """Deletes the record and all index entries of a job that is not in progress.

        IllegalTransitionError while it is in progress. UnknownJobError when the record is gone, for example
        because this call is repeated after a lost answer.
        """
        self._change("REMOVE", record.id, [])
        self._redis.zrem(owned_key(record.owner), record.id)  # when this is never reached, ``list_page`` does it

    def list_kept(
        self, what: Literal["uploads", "results"], before: float | None = None, limit: int = 100
    ) -> list[str]:
        """Ids of ended jobs whose uploads, or results, are still kept, in the order of their ends.

        ``before``: only jobs that ended before this time, in seconds since 1970 by the server's clock.
        """
        last = "+inf" if before is None else before
        return _texts(self._redis.zrangebyscore(_KEPT_KEYS[what], "-inf", last, start=0, num=limit))

    def start(self, job_id: str, model: ModelInfo, worker: str) -> int:
        """Starts an attempt by ``worker`` with ``model`` and a new lease; returns the attempt's number, from 1."""
        fields = {"stage": None, "progress": 0.0, "error": None, "model": model, "started_at": now()}
        return int(self._change("START", job_id, [_json(worker), *_pairs(fields)]))

    def renew_lease(self, job_id: str, attempt: int) -> None:
        """Renews the lease of an attempt, also when it raises CancelRequestedError."""
        self._change("ADVANCE", job_id, [str(attempt)])

    def advance(self, job_id: str, attempt: int, stage: str, progress: float) -> None:
        """Writes stage and progress (0..1 over the whole job) of an attempt and renews its lease."""
        self._change("ADVANCE", job_id, [str(attempt), *_pairs({"stage": stage, "progress": progress})])

    def complete(self, job_id: str, attempt: int, artifacts: Mapping[Variant, Artifact]) -> None:
        """Completes the job with the artifacts that the attempt has put into the store."""
        fields = {"progress": 1.0, "artifacts": dict(artifacts)}
        self._change("FINISH", job_id, [str(attempt), JobStatus.COMPLETED, _json(now()), *_pairs(fields)])

    def fail(self, job_id: str, error: JobError, attempt: int | None = None) -> None:
        """Fails the job, on behalf of its attempt or, without ``attempt``, of any caller when it can never be run."""
        number = "" if attempt is None else str(attempt)
        self._change("FINISH", job_id, [number, JobStatus.FAILED, _json(now()), *_pairs({"error": error})])

    def cancel(self, job_id: str, attempt: int) -> None:
        """Cancels the job after its attempt has stopped."""
        self._change("FINISH", job_id, [str(attempt), JobStatus.CANCELED, _json(now()), *_pairs({"error": None})])

    def request_cancel(self, job_id: str) -> JobStatus:
        """Cancels a waiting job, or asks the worker of a running one to stop; returns the status after that."""
        return JobStatus(self._change("CANCEL", job_id, [_json(now())]))

    def requeue(self, job_id: str, attempt: int) -> JobStatus:
        """Requeues the job of a worker that shuts down; cancels it instead when that was requested."""
        return self._requeue(job_id, attempt)

    def requeue_lost(self, job_id: str, attempt: int, limit: int, error: JobError) -> JobStatus:
        """Requeues the job of a lost worker; fails it with ``error`` at the ``limit``-th crash."""
        return self._requeue(job_id, attempt, "crashes", limit, error)

    def requeue_unstored(self, job_id: str, attempt: int, limit: int, error: JobError) -> JobStatus:
        """Requeues a job because the store does not work; fails it with ``error`` after ``limit`` retries."""
        return self._requeue(job_id, attempt, "retries", limit + 1, error)

    def mark_upload_removed(self, job_id: str) -> None:
        """Notes that the upload is no longer kept."""
        self._redis.zrem(_KEPT_KEYS["uploads"], job_id)

    def mark_expired(self, job_id: str) -> None:
        """Notes that no file is kept any more; the record itself expires ``record_retention_s`` later."""
        self._change("EXPIRE", job_id, [_json(now()), str(self._record_retention_s)])

    def forget(self, job_id: str) -> None:
        """Removes a job without a record from every index."""
        for key in (OPEN_KEY, LEASES_KEY, *_KEPT_KEYS.values()):
            self._redis.zrem(key, job_id)

    def lease_age_s(self, job_id: str) -> float:
        """Seconds since the lease was renewed, by the server's clock; infinite when there is no lease."""
        now = server_time(self._redis)
        renewed = self._redis.zscore(LEASES_KEY, job_id)
        return float("inf") if renewed is None else now - float(renewed)

    def _requeue(
        self, job_id: str, attempt: int, counter: str = "", limit: int = 0, error: JobError | None = None
    ) -> JobStatus:
        return JobStatus(
            self._change("REQUEUE", job_id, [str(attempt), _json(now()), counter, str(limit), _json(error)])
        )

    def _change(self, transition: str, job_id: str, args: list[str]) -> str:
        keys = [self.key(job_id), OPEN_KEY, LEASES_KEY, *_KEPT_KEYS.values(), WEBHOOKS_KEY]
        answer = self._scripts[transition](keys=keys, args=[job_id, *args])
        outcome, detail = (part.decode() for part in cast("list[bytes]", answer))
        if outcome == "missing":
            raise UnknownJobError(f"there is no job {job_id}")
        if outcome == "refused":
            raise IllegalTransitionError(f"job {job_id} is {detail}, which does not allow this: {transition.lower()}")
        if outcome == "stale":
            raise StaleAttemptError(f"a later attempt at the job {job_id} has started")
        if outcome == "cancel":
            raise CancelRequestedError(f"cancellation of the job {job_id} was requested")
        return detail


def _texts(members: Any) -> list[str]:
    return [member.decode() for member in cast("list[bytes]", members)]


def _json(value: Any) -> str:
    return to_json(value).decode()


def _pairs(fields: Mapping[str, Any]) -> list[str]:
    return list(chain.from_iterable(_encode(fields).items()))


def _encode(fields: Mapping[str, Any]) -> dict[str, str]:
    """Hash fields as JSON, except the status, which the scripts compare as plain text."""
    return {name: str(value) if name == "status" else _json(value) for name, value in fields.items()}


def _decode(raw: Mapping[bytes, bytes]) -> JobRecord:
    fields = {name.decode(): value for name, value in raw.items()}
    status = fields.pop("status").decode()
    return JobRecord.model_validate({"status": status, **{name: from_json(value) for name, value in fields.items()}})
