"""The queue: one RQ queue for all jobs, read by job objects that run the one task and refuse everything else."""

from collections.abc import Callable
from typing import Any, Final

from redis import Redis
from rq import Queue, Retry
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import import_attribute

from jobs.record import JobRecord
from jobs.records import JobRecords
from jobs.settings import Settings

QUEUE_NAME: Final = "v2m"
TASK: Final = "worker.task.run"
"""The function that a worker runs for a job; its one argument is the job's id."""

_BOOKKEEPING_TTL_S: Final = 24 * 3600
"""RQ's own note of a finished job is for inspection only: our record is what counts."""


class ForeignJobError(Exception):
    """The queue holds a job for another function. Whoever can write to Redis must not choose what a worker executes."""


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
    """Puts jobs into the queue and tells their places."""

    def __init__(self, redis: Redis, records: JobRecords, settings: Settings) -> None:
        """``settings`` gives the time-out of a job and how many attempts it has."""
        self._redis = redis
        self._records = records
        self._timeout_s = settings.job_timeout_s
        self._max_attempts = settings.max_attempts
        self.rq = Queue(QUEUE_NAME, connection=redis, job_class=ScoreJob, serializer=JSONSerializer)

    def submit(self, record: JobRecord) -> None:
        """Writes the record and its place in the queue in one transaction: both are there, or neither."""
        retries = self._max_attempts - 1
        with self._redis.pipeline(transaction=True) as pipeline:
            self.rq.enqueue_call(  # opens the transaction itself, so it comes first
                TASK,
                args=(record.id,),
                job_id=record.id,
                timeout=self._timeout_s,
                result_ttl=_BOOKKEEPING_TTL_S,
                failure_ttl=_BOOKKEEPING_TTL_S,
                description=f"score {record.id}",
                retry=Retry(max=retries, enqueue_at_front=True) if retries else None,
                pipeline=pipeline,
            )
            self._records.create(record, pipeline)
            pipeline.execute()

    def position(self, job_id: str) -> int | None:
        """1 for the job that is next, 2 for the one after it; None for a job that is not waiting."""
        place = self.rq.get_job_position(job_id)
        return None if place is None else place + 1
