"""The queue: one RQ queue for all jobs, read by job objects that run the one task and refuse everything else."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError, WatchError
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import import_attribute

from jobs.idempotency import Claim
from jobs.infra.redis_connection import ride_out
from jobs.infra.settings import Settings
from jobs.record import JobRecord, JobStatus
from jobs.repository import OPEN_KEY, JobRecords, UnknownJobError, owned_key

QUEUE_NAME: Final = "v2m"
TASK: Final = "worker.task.run"
"""The function that a worker runs for a job; its one argument is the job's id."""

_BOOKKEEPING_TTL_S: Final = 24 * 3600
"""RQ's own note of a finished job is for inspection only: our record is what counts."""
_SUBMIT_PATIENCE_S: Final = 10.0
_TRIES: Final = 100  # many more than threads that take jobs at once


class ForeignJobError(Exception):
    """The queue holds a job for another function. Whoever can write to Redis must not choose what a worker executes."""


class QueueFullError(Exception):
    """So many jobs wait that no other is taken for now."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} jobs wait already, which is the limit")
        self.limit = limit


class TooManyJobsError(Exception):
    """So many jobs of this owner are queued or in progress that no other is taken for now."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} jobs of this owner are not over yet, which is the limit")
        self.limit = limit


class NotTakenError(Exception):
    """No job is there: Redis refuses to write (no memory, a full disk, a replica), or was out before it was asked."""


class _Doubt:
    """Whether a transaction was sent whose answer nobody has heard."""

    def __init__(self) -> None:
        self.there = False

    @contextmanager
    def of(self) -> Iterator[None]:
        """Around sending one. Only a refusal says for certain that it has done nothing."""
        before, self.there = self.there, True
        try:
            yield
        except ResponseError:
            self.there = before
            raise


class ScoreJob(Job):
    """An RQ job that can only run ``TASK``, without instance and without callbacks."""

    @property
    def func(self) -> Callable[..., Any]:
        """The task; ForeignJobError when the queue names another function."""
        if self.func_name != TASK or self.instance is not None:
            raise ForeignJobError(f"refused to run {self.func_name!r}: this queue is for {TASK} only")
        return import_attribute(TASK)

    # RQ would import and call whatever these fields name; nothing of ours uses them.
    success_callback = property(lambda _self: None)
    failure_callback = property(lambda _self: None)
    stopped_callback = property(lambda _self: None)


class JobQueue:
    """Puts jobs into the queue, takes them out, and tells their places. RQ's own retries are not used."""

    def __init__(self, redis: Redis, records: JobRecords, settings: Settings) -> None:
        """``settings`` gives the time-out of a job, how many may wait, and how many of one owner may be open."""
        self._redis = redis
        self._records = records
        self._timeout_s = settings.job_timeout_s
        self._max_queued = settings.max_queued
        self._max_open = settings.open_jobs_limit
        self.rq = Queue(QUEUE_NAME, connection=redis, job_class=ScoreJob, serializer=JSONSerializer)

    def check_room(self) -> None:
        """QueueFullError when as many jobs wait as may."""
        if self.rq.count >= self._max_queued:
            raise QueueFullError(self._max_queued)

    def check_open(self, owner: str | None) -> None:
        """TooManyJobsError when as many jobs of this owner are queued or in progress as may."""
        if self._max_open is not None and self._records.open_of(owner) >= self._max_open:
            raise TooManyJobsError(self._max_open)

    def submit(self, record: JobRecord, claim: Claim | None = None) -> None:
        """Writes the record and its place in the queue in one transaction: both are there, or neither.

        So is, with them, that the claimed idempotency key has made this job. Waits for a Redis that starts again.
        QueueFullError; TooManyJobsError; ClaimLostError; NotTakenError when it is for certain not there; otherwise
        RedisError, and then nobody knows whether the job is there: whatever it needs must be kept.
        """
        doubt = _Doubt()
        try:
            ride_out(lambda: self._submit_now(record, claim, doubt), _SUBMIT_PATIENCE_S)
        except RedisError as error:
            if doubt.there:
                raise
            raise NotTakenError(str(error)) from error

    def put_back(self, job_id: str) -> bool:
        """Puts a job that is queued, but nowhere in RQ's list, at the head of it; False when that is not so."""
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.watch(self._records.key(job_id), self.rq.key)  # type: ignore[no-untyped-call]
            record = self._records.get(job_id)
            if record is None or record.status is not JobStatus.QUEUED or self.position(job_id) is not None:
                return False
            self._enqueue(job_id, pipeline, at_front=True)
            pipeline.lrem(self.rq.intermediate_queue_key, 0, job_id)
            try:
                pipeline.execute()
            except WatchError:  # somebody changes the queue at this very moment: whoever looks next will see
                return False
        return True

    def cancel(self, job_id: str) -> JobRecord:
        """Cancels a job that waits at once, and one in progress at its next step; one that is over stays as it is.

        Returns the record as it is then. UnknownJobError.
        """
        if self._records.request_cancel(job_id) is JobStatus.CANCELED:
            self.take_out(job_id)
        record = self._records.get(job_id)
        if record is None:
            raise UnknownJobError(f"there is no job {job_id}")
        return record

    def take_out(self, job_id: str) -> None:
        """Takes a job that nobody is to run out of RQ's list; one that a worker has just taken stays with it."""
        if self._redis.lrem(self.rq.key, 0, job_id):
            self._redis.delete(Job.key_for(job_id))  # RQ keeps its note of a job for ever until that has been run

    def places(self, job_ids: Sequence[str]) -> dict[str, int]:
        """The positions of those of these jobs that wait: one question, however many there are."""
        if len(job_ids) < 2:
            return {job_id: place for job_id in job_ids if (place := self.position(job_id)) is not None}
        wanted = set(job_ids)
        return {job_id: place for place, job_id in enumerate(self.waiting(), 1) if job_id in wanted}

    def position(self, job_id: str) -> int | None:
        """1 for the job that is next, 2 for the one after it; None for a job that is not waiting."""
        place = self.rq.get_job_position(job_id)
        return None if place is None else place + 1

    def waiting(self) -> list[str]:
        """The ids in RQ's list, the next one first."""
        return self.rq.get_job_ids()

    def taken(self) -> list[str]:
        """The ids that a worker has taken off RQ's list and not noted as running, or never will: it may have died."""
        return self.rq.intermediate_queue.get_job_ids()

    def forget_taken(self, job_id: str) -> None:
        """Nobody waits for a worker to note this one."""
        self._redis.lrem(self.rq.intermediate_queue_key, 0, job_id)

    def counts(self) -> dict[str, int]:
        """How many jobs are ``queued`` and ``in_progress``."""
        queued, open_ = self.rq.count, int(self._redis.zcard(OPEN_KEY))
        return {"queued": queued, "in_progress": max(0, open_ - queued)}

    def _submit_now(self, record: JobRecord, claim: Claim | None, doubt: _Doubt) -> None:
        for _ in range(_TRIES):
            try:
                self._submit_once(record, claim, doubt)
            except WatchError:  # the connection was lost, or the owner's jobs or the claim changed: look again
                continue
            return
        raise RedisConnectionError("others change the same keys all the time, or the line breaks again and again")

    def _submit_once(self, record: JobRecord, claim: Claim | None, doubt: _Doubt) -> None:
        with self._redis.pipeline(transaction=True) as pipeline:
            # Watched, because the client repeats a transaction whose answer got lost only if nothing is watched.
            pipeline.watch(self._records.key(record.id))  # type: ignore[no-untyped-call]
            if self._records.exists(record.id):
                return
            self.check_room()
            if claim is not None:
                claim.watch(pipeline)
            if self._max_open is not None:
                # Two submissions at once must not both take the last place; jobs that end meanwhile do no harm.
                pipeline.watch(owned_key(record.owner))  # type: ignore[no-untyped-call]
                self.check_open(record.owner)
            self._enqueue(record.id, pipeline)
            self._records.create(record, pipeline)
            if claim is not None:
                claim.settle(record, pipeline)
            with doubt.of():
                pipeline.execute()

    def _enqueue(self, job_id: str, pipeline: Pipeline, *, at_front: bool = False) -> None:
        self.rq.enqueue_call(  # opens the transaction
            TASK,
            args=(job_id,),
            job_id=job_id,
            timeout=self._timeout_s,
            result_ttl=_BOOKKEEPING_TTL_S,
            failure_ttl=_BOOKKEEPING_TTL_S,
            description=f"score {job_id}",
            at_front=at_front,
            pipeline=pipeline,
        )
