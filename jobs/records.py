"""Job records in Redis: one hash a job, every change of status checked and made in one atomic step."""

from collections.abc import Mapping
from itertools import chain
from typing import Any, Final, cast

from pydantic_core import from_json, to_json
from redis import Redis
from redis.client import Pipeline

from jobs.record import MOVES, JobError, JobRecord, JobStatus, check_job_id, now
from model_core.options import ModelInfo

# KEYS[1] the record. ARGV: statuses it may move from as ",a,b,"; the attempt that asks, or "" for anyone;
# 1 to count a new attempt; seconds to keep it, or ""; then the fields and their new values.
_MOVE: Final = """
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return {'missing', ''} end
if not string.find(ARGV[1], ',' .. status .. ',', 1, true) then return {'refused', status} end
if ARGV[2] ~= '' and ARGV[2] ~= redis.call('HGET', KEYS[1], 'attempt') then return {'stale', status} end
if ARGV[3] == '1' then redis.call('HINCRBY', KEYS[1], 'attempt', 1) end
redis.call('HSET', KEYS[1], unpack(ARGV, 5))
if ARGV[4] ~= '' then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
return {'ok', redis.call('HGET', KEYS[1], 'attempt')}
"""


class RecordError(Exception):
    """A change that the record does not allow."""


class UnknownJobError(RecordError):
    """There is no record of that id: it never was, or its retention is over."""


class IllegalMoveError(RecordError):
    """The job's status does not allow this move."""


class StaleAttemptError(RecordError):
    """Another worker has taken the job over since this attempt began."""


class JobRecords:
    """The records of all jobs. Methods that take ``attempt`` refuse one that another worker has overtaken."""

    def __init__(self, redis: Redis, retention_s: int) -> None:
        """``retention_s``: seconds that a record outlives its end."""
        self._redis = redis
        self._retention_s = retention_s
        self._move_script = redis.register_script(_MOVE)

    @staticmethod
    def key(job_id: str) -> str:
        """The Redis key of a record; ValueError when the id is malformed."""
        return f"v2m:job:{check_job_id(job_id)}"

    def create(self, record: JobRecord, pipeline: Pipeline) -> None:
        """Adds writing a new record to ``pipeline``, so that it appears together with its place in the queue."""
        fields = _encode({name: getattr(record, name) for name in JobRecord.model_fields})
        pipeline.hset(self.key(record.id), mapping=cast("Mapping[Any, Any]", fields))

    def get(self, job_id: str) -> JobRecord | None:
        """The record as it is now, or None."""
        raw = cast("dict[bytes, bytes]", self._redis.hgetall(self.key(job_id)))
        return _decode(raw) if raw else None

    def exists(self, job_id: str) -> bool:
        """True while there is a record of the job."""
        return bool(self._redis.exists(self.key(job_id)))

    def start(self, job_id: str, model: ModelInfo) -> int:
        """Begins an attempt by ``model`` and returns its number, from 1. One that was under way is overtaken."""
        fields = {"stage": None, "progress": 0.0, "error": None, "model": model, "started_at": now()}
        return self._move(job_id, JobStatus.IN_PROGRESS, fields, new_attempt=True)

    def advance(self, job_id: str, attempt: int, stage: str, progress: float) -> None:
        """Notes how far an attempt has come; ``progress`` in 0..1 over the whole job."""
        self._run(job_id, [JobStatus.IN_PROGRESS], {"stage": stage, "progress": progress}, attempt)

    def requeue(self, job_id: str, attempt: int | None = None) -> None:
        """Back into the queue, after its worker stopped or was lost."""
        fields = {"stage": None, "progress": 0.0, "model": None, "started_at": None}
        self._run(job_id, [JobStatus.IN_PROGRESS], {"status": JobStatus.QUEUED, **fields}, attempt)

    def complete(self, job_id: str, attempt: int) -> None:
        """Done: the artifacts are in the store."""
        self._move(job_id, JobStatus.COMPLETED, {"progress": 1.0, "stage": None, "finished_at": now()}, attempt)

    def fail(self, job_id: str, error: JobError, attempt: int | None = None) -> None:
        """Over, with the reason."""
        self._move(job_id, JobStatus.FAILED, {"error": error, "finished_at": now()}, attempt)

    def cancel(self, job_id: str, attempt: int | None = None) -> None:
        """Over, because somebody asked for it."""
        self._move(job_id, JobStatus.CANCELED, {"finished_at": now()}, attempt)

    def delete(self, job_id: str) -> None:
        """Forgets the job."""
        self._redis.delete(self.key(job_id))

    def _move(
        self, job_id: str, to: JobStatus, fields: dict[str, Any], attempt: int | None = None, new_attempt: bool = False
    ) -> int:
        sources = [status for status, targets in MOVES.items() if to in targets]
        keep = "" if MOVES[to] else str(self._retention_s)
        return self._run(job_id, sources, {"status": to, **fields}, attempt, new_attempt, keep)

    def _run(
        self,
        job_id: str,
        sources: list[JobStatus],
        fields: dict[str, Any],
        attempt: int | None = None,
        new_attempt: bool = False,
        keep: str = "",
    ) -> int:
        pairs = list(chain.from_iterable(_encode(fields).items()))
        allowed = f",{','.join(sources)},"
        asking = "" if attempt is None else str(attempt)
        answer = self._move_script(keys=[self.key(job_id)], args=[allowed, asking, int(new_attempt), keep, *pairs])
        verdict, detail = (part.decode() for part in cast("list[bytes]", answer))
        if verdict == "missing":
            raise UnknownJobError(f"there is no job {job_id}")
        if verdict == "refused":
            raise IllegalMoveError(f"job {job_id} is {detail}, which does not allow {fields.get('status', 'progress')}")
        if verdict == "stale":
            raise StaleAttemptError(f"attempt {attempt} of job {job_id} has been overtaken by another worker")
        return int(detail)


def _encode(fields: Mapping[str, Any]) -> dict[str, str]:
    """Hash fields: JSON each, but the status bare, because the script compares it."""
    return {name: str(value) if name == "status" else to_json(value).decode() for name, value in fields.items()}


def _decode(raw: Mapping[bytes, bytes]) -> JobRecord:
    fields = {name.decode(): value for name, value in raw.items()}
    status = fields.pop("status").decode()
    return JobRecord.model_validate({"status": status, **{name: from_json(value) for name, value in fields.items()}})
