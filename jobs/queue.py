"""The job queue: one RQ queue for all jobs, whose RQ jobs run one fixed task and nothing else."""

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

from jobs.idempotency import KeyLease
from jobs.infra.redis_connection import retry_while_unavailable
from jobs.infra.settings import Settings
from jobs.record import JobRecord, JobStatus
from jobs.repository import OPEN_KEY, JobRecords, UnknownJobError, owned_key

QUEUE_NAME: Final = "v2m"
TASK: Final = "worker.task.run"
"""Import path of the function that a worker runs for a job; its only argument is the job's id."""

_BOOKKEEPING_TTL_S: Final = 24 * 3600
"""Seconds that RQ keeps its own entry of a finished job, for inspection only: the job record is what counts."""
_SUBMIT_PATIENCE_S: Final = 10.0
_TRIES: Final = 100  # many more than there are threads that submit at the same time


class ForeignJobError(Exception):
    """The queue holds a job for another function. Write access to Redis must not decide what a worker executes."""


class QueueFullError(Exception):
    """The queue is full: no further job is accepted for now.

    Attributes:
        limit: number of jobs that may wait.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} jobs are waiting already, which is the limit")
        self.limit = limit


class TooManyJobsError(Exception):
    """The owner has too many open jobs: no further one is accepted for now.

    Attributes:
        limit: number of jobs of one owner that may be queued or in progress.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} jobs of this owner are queued or in progress already, which is the limit")
        self.limit = limit


class NotSubmittedError(Exception):
    """The job was certainly not submitted: Redis refused to write (no memory, a full disk, a replica), or was down."""


class _Transmission:
    """Tracks transactions that were sent without an answer, so that their effect is unknown.

    Attributes:
        is_uncertain: True when a transaction without an answer may have taken effect.
    """

    def __init__(self) -> None:
        self.is_uncertain = False

    @contextmanager
    def track(self) -> Iterator[None]:
        """Wraps the sending of a transaction. Only a refusal by the server proves that it had no effect."""
        before, self.is_uncertain = self.is_uncertain, True
        try:
            yield
        except ResponseError:
            self.is_uncertain = before
            raise


class ScoreJob(Job):
    """RQ job that can only run ``TASK``, without an instance and without callbacks."""

    @property
    def func(self) -> Callable[..., Any]:
        """The task; ForeignJobError when the queue names another function."""
        if self.func_name != TASK or self.instance is not None:
            raise ForeignJobError(f"refused to run {self.func_name!r}: this queue is for {TASK} only")
        return import_attribute(TASK)

    # RQ would import and call whatever these fields name; this project uses none of them.
    success_callback = property(lambda _self: None)
    failure_callback = property(lambda _self: None)
    stopped_callback = property(lambda _self: None)


class JobQueue:
    """Submits, restores and removes jobs, and gives their positions. RQ's own retries are not used. RedisError."""

    def __init__(self, redis: Redis, records: JobRecords, settings: Settings) -> None:
        """``settings`` gives the timeout of a job and the limits of waiting jobs and of open jobs of one owner."""
        self._redis = redis
        self._records = records
        self._timeout_s = settings.job_timeout_s
        self._max_queued = settings.max_queued
        self._max_open = settings.open_jobs_limit
        self.rq = Queue(QUEUE_NAME, connection=redis, job_class=ScoreJob, serializer=JSONSerializer)

    def check_room(self) -> None:
        """QueueFullError when the limit of waiting jobs is reached."""
        if self.rq.count >= self._max_queued:
            raise QueueFullError(self._max_queued)

    def check_open(self, owner: str | None) -> None:
        """TooManyJobsError when the limit of this owner's queued and running jobs is reached."""
        if self._max_open is not None and self._records.count_open(owner) >= self._max_open:
            raise TooManyJobsError(self._max_open)

    def submit(self, record: JobRecord, lease: KeyLease | None = None) -> None:
        """Writes the record, its queue entry and the job of the idempotency key in one transaction: all or nothing.

        Waits up to 10 seconds for a Redis that restarts. QueueFullError; TooManyJobsError; KeyLeaseLostError;
        NotSubmittedError when the job was certainly not written; otherwise RedisError, and then the outcome is unknown:
        keep everything that the job needs.
        """
        transmission = _Transmission()
        try:
            retry_while_unavailable(lambda: self._submit_now(record, lease, transmission), _SUBMIT_PATIENCE_S)
        except RedisError as error:
            if transmission.is_uncertain:
                raise
            raise NotSubmittedError(str(error)) from error

    def restore(self, job_id: str) -> bool:
        """Inserts a queued job that is missing from RQ's list at its head; returns False when it is not missing."""
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.watch(self._records.key(job_id), self.rq.key)  # type: ignore[no-untyped-call]
            record = self._records.get(job_id)
            if record is None or record.status is not JobStatus.QUEUED or self.position(job_id) is not None:
                return False
            self._enqueue(job_id, pipeline, at_front=True)
            pipeline.lrem(self.rq.intermediate_queue_key, 0, job_id)
            try:
                pipeline.execute()
            except WatchError:  # the queue changes right now: the next reconciliation decides
                return False
        return True

    def cancel(self, job_id: str) -> JobRecord:
        """Cancels a waiting job at once and a running one at its next step; a job that has ended stays unchanged.

        Returns the record after that. UnknownJobError.
        """
        if self._records.request_cancel(job_id) is JobStatus.CANCELED:
            self.remove(job_id)
        record = self._records.get(job_id)
        if record is None:
            raise UnknownJobError(f"there is no job {job_id}")
        return record

    def remove(self, job_id: str) -> None:
        """Removes a job from RQ's list; a job that a worker has just taken stays with that worker."""
        if self._redis.lrem(self.rq.key, 0, job_id):
            self._redis.delete(Job.key_for(job_id))  # RQ keeps its entry of a job that never ran for ever

    def positions(self, job_ids: Sequence[str]) -> dict[str, int]:
        """Positions of the jobs among these that wait, with one request to Redis for any number of them."""
        if len(job_ids) < 2:
            return {job_id: position for job_id in job_ids if (position := self.position(job_id)) is not None}
        wanted = set(job_ids)
        return {job_id: position for position, job_id in enumerate(self.list_waiting(), 1) if job_id in wanted}

    def position(self, job_id: str) -> int | None:
        """1 for the next job, 2 for the one after it; None for a job that is not waiting."""
        index = self.rq.get_job_position(job_id)
        return None if index is None else index + 1

    def list_waiting(self) -> list[str]:
        """The ids in RQ's list, the next job first."""
        return self.rq.get_job_ids()

    def list_taken(self) -> list[str]:
        """The ids that workers have taken off RQ's list and not yet marked as running; some of them may have died."""
        return self.rq.intermediate_queue.get_job_ids()

    def remove_taken(self, job_id: str) -> None:
        """Removes an id from the list of taken jobs."""
        self._redis.lrem(self.rq.intermediate_queue_key, 0, job_id)

    def counts(self) -> dict[str, int]:
        """Number of jobs that are ``queued`` and ``in_progress``."""
        queued, open_ = self.rq.count, int(self._redis.zcard(OPEN_KEY))
        return {"queued": queued, "in_progress": max(0, open_ - queued)}

    def _submit_now(self, record: JobRecord, lease: KeyLease | None, transmission: _Transmission) -> None:
        for _ in range(_TRIES):
            try:
                self._submit_once(record, lease, transmission)
            except WatchError:  # the connection broke, or the owner's jobs or the key changed: check again
                continue
            return
        raise RedisConnectionError("other clients keep changing the same keys, or the connection keeps breaking")

    def _submit_once(self, record: JobRecord, lease: KeyLease | None, transmission: _Transmission) -> None:
        with self._redis.pipeline(transaction=True) as pipeline:
            # Watched, because without a watch the client itself would repeat a transaction whose answer got lost.
            pipeline.watch(self._records.key(record.id))  # type: ignore[no-untyped-call]
            if self._records.exists(record.id):
                return
            self.check_room()
            if lease is not None:
                lease.watch(pipeline)
            if self._max_open is not None:
                # Two submissions at once must not both pass the check of the limit. Jobs that end meanwhile do no harm.
                pipeline.watch(owned_key(record.owner))  # type: ignore[no-untyped-call]
                self.check_open(record.owner)
            self._enqueue(record.id, pipeline)
            self._records.create(record, pipeline)
            if lease is not None:
                lease.save_job(record, pipeline)
            with transmission.track():
                pipeline.execute()

    def _enqueue(self, job_id: str, pipeline: Pipeline, *, at_front: bool = False) -> None:
        self.rq.enqueue_call(  # starts the transaction's MULTI
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
