"""Reconciliation of RQ's queue with the job records, so that no job is lost between them.

A job in progress whose worker is gone goes back into the queue, or fails after too many crashes. A job that is queued
but missing from RQ's list is inserted again. Every step may be repeated, and several workers may run it at once.
"""

from dataclasses import dataclass
from typing import Final

import structlog
from redis import Redis

from jobs.infra import processes
from jobs.infra.redis_connection import server_time
from jobs.infra.settings import Settings
from jobs.queue import JobQueue
from jobs.record import JobError, JobRecord, JobStatus
from jobs.repository import JobRecords, RecordError

log: Final = structlog.get_logger(__name__)
LOST: Final = JobError(
    code="worker_lost",
    detail="The workers that ran this job crashed, so it is not tried again. The upload is kept for a while.",
)
_MISSED_KEY: Final = "v2m:missed"


@dataclass
class Repairs:
    """Summary of one reconciliation.

    Attributes:
        requeued: jobs of lost workers that went back into the queue.
        failed: jobs of lost workers that failed.
        restored: queued jobs that were missing from RQ's list.
        needs_rerun: True when something may need repair once the grace period for starting a job is over.
    """

    requeued: int = 0
    failed: int = 0
    restored: int = 0
    needs_rerun: bool = False


class Reconciler:
    """Checks every open job each time ``run`` is called.

    Attributes:
        grace_s: seconds that a worker has to start a job after taking it off RQ's list.
    """

    def __init__(self, redis: Redis, records: JobRecords, queue: JobQueue, settings: Settings, own_name: str) -> None:
        """``own_name``: name of the calling worker, whose own job never counts as lost by its process number."""
        self._redis = redis
        self._records = records
        self._queue = queue
        self._settings = settings
        self._own_name = own_name
        self.grace_s = settings.heartbeat_ttl_s / 4

    def run(self) -> Repairs:
        """Repairs what it finds; RedisError when Redis is unavailable."""
        repairs = Repairs()
        # Read before the open jobs: an id that is taken but not open belongs to a job that has ended, not to a new one.
        taken = self._queue.list_taken()
        waiting = set(self._queue.list_waiting())
        open_ids = self._records.list_open()
        for job_id in open_ids:
            record = self._records.get(job_id)
            if record is None:
                self._records.forget(job_id)
            elif record.status is JobStatus.IN_PROGRESS:
                if self._is_lost(record, repairs):
                    self._requeue(record, repairs)
            elif record.status is JobStatus.QUEUED and job_id not in waiting and self._is_overdue(job_id, repairs):
                self._restore(job_id, repairs)
        for job_id in set(taken) - set(open_ids):  # for example, canceled after its worker had died
            self._queue.remove_taken(job_id)
        self._redis.zremrangebyscore(_MISSED_KEY, "-inf", server_time(self._redis) - self._settings.heartbeat_ttl_s)
        return repairs

    def _is_lost(self, record: JobRecord, repairs: Repairs) -> bool:
        if record.worker is not None and processes.is_gone(record.worker, self._own_name):
            return True
        if self._records.lease_age_s(record.id) <= self._settings.heartbeat_ttl_s:
            return False
        # After an outage of Redis every lease looks old. A live worker renews its own before the second check.
        return self._is_overdue(f"{record.id}:{record.attempt}", repairs)

    def _requeue(self, record: JobRecord, repairs: Repairs) -> None:
        try:
            status = self._records.requeue_lost(record.id, record.attempt, self._settings.max_crashes, LOST)
        except RecordError as error:  # the job ended in the meantime, or another worker has requeued it
            log.info("job_not_requeued", job_id=record.id, reason=str(error))
            return
        about = {"job_id": record.id, "request_id": record.request_id, "worker": record.worker}
        if status is JobStatus.FAILED:
            repairs.failed += 1
            log.error("job_failed", code=LOST.code, **about)
        elif status is JobStatus.QUEUED:
            repairs.requeued += 1
            log.warning("job_requeued", reason="its worker was lost", crashes=record.crashes + 1, **about)
            self._queue.restore(record.id)

    def _restore(self, job_id: str, repairs: Repairs) -> None:
        if self._queue.restore(job_id):
            repairs.restored += 1
            log.warning("job_put_back", job_id=job_id, reason="it was queued, and in no list of the queue")

    def _is_overdue(self, what: str, repairs: Repairs) -> bool:
        """Notes that something is missing; True when it was noted before and the grace period has passed."""
        now = server_time(self._redis)
        self._redis.zadd(_MISSED_KEY, {what: now}, nx=True)
        since = self._redis.zscore(_MISSED_KEY, what)
        if since is None or now - float(since) < self.grace_s:
            repairs.needs_rerun = True
            return False
        self._redis.zrem(_MISSED_KEY, what)
        return True
