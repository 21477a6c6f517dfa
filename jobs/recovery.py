"""Brings RQ's view and ours together, so that no job hangs in between.

A job in progress whose worker is gone goes back into the queue, or fails when that has happened too often. A job that
is queued and yet nowhere in RQ's list is put back. Every step is safe to take twice or by several workers at once.
"""

from dataclasses import dataclass
from typing import Final

import structlog
from redis import Redis

from jobs.infra import process_identity
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
    """What one look at the open jobs has mended.

    Attributes:
        requeued, failed: jobs whose workers were lost.
        put_back: jobs that were in no list.
        look_again: whether something may need mending after the grace that a worker has to start a job.
    """

    requeued: int = 0
    failed: int = 0
    put_back: int = 0
    look_again: bool = False


class Reconciler:
    """Looks at every open job once a call."""

    def __init__(self, redis: Redis, records: JobRecords, queue: JobQueue, settings: Settings, own_name: str) -> None:
        """``own_name``: the worker that looks, whose own job is never taken for lost by its process number."""
        self._redis = redis
        self._records = records
        self._queue = queue
        self._settings = settings
        self._own_name = own_name
        # A worker that takes a job off the list needs a moment until it has started it; a heartbeat is shorter.
        self.grace_s = settings.heartbeat_ttl_s / 4

    def run(self) -> Repairs:
        """Mends what it can; RedisError when Redis is out."""
        repairs = Repairs()
        taken = self._queue.taken()  # before the open jobs: what is not among those is over, not yet to come
        waiting = set(self._queue.waiting())
        open_ids = self._records.open_ids()
        for job_id in open_ids:
            record = self._records.get(job_id)
            if record is None:
                self._records.forget(job_id)
            elif record.status is JobStatus.IN_PROGRESS:
                if self._is_lost(record, repairs):
                    self._free(record, repairs)
            elif record.status is JobStatus.QUEUED and job_id not in waiting and self._missed_long(job_id, repairs):
                self._put_back(job_id, repairs)
        for job_id in set(taken) - set(open_ids):  # canceled, say, after its worker had died
            self._queue.forget_taken(job_id)
        self._redis.zremrangebyscore(_MISSED_KEY, "-inf", server_time(self._redis) - self._settings.heartbeat_ttl_s)
        return repairs

    def _is_lost(self, record: JobRecord, repairs: Repairs) -> bool:
        if record.worker is not None and process_identity.is_gone(record.worker, self._own_name):
            return True
        if self._records.seconds_since_held(record.id) <= self._settings.heartbeat_ttl_s:
            return False
        # After an outage of Redis every lease looks old: a worker that lives renews its own before the second look.
        return self._missed_long(f"{record.id}:{record.attempt}", repairs)

    def _free(self, record: JobRecord, repairs: Repairs) -> None:
        try:
            status = self._records.crashed(record.id, record.attempt, self._settings.max_crashes, LOST)
        except RecordError as error:  # it came to its end while we looked, or another worker saw to it
            log.info("job_not_requeued", job_id=record.id, reason=str(error))
            return
        about = {"job_id": record.id, "request_id": record.request_id, "worker": record.worker}
        if status is JobStatus.FAILED:
            repairs.failed += 1
            log.error("job_failed", code=LOST.code, **about)
        elif status is JobStatus.QUEUED:
            repairs.requeued += 1
            log.warning("job_requeued", reason="its worker was lost", crashes=record.crashes + 1, **about)
            self._queue.put_back(record.id)

    def _put_back(self, job_id: str, repairs: Repairs) -> None:
        if self._queue.put_back(job_id):
            repairs.put_back += 1
            log.warning("job_put_back", job_id=job_id, reason="it was queued, and in no list of the queue")

    def _missed_long(self, what: str, repairs: Repairs) -> bool:
        """Notes that something is missing; True when that was noted before, and the grace is over."""
        now = server_time(self._redis)
        self._redis.zadd(_MISSED_KEY, {what: now}, nx=True)
        since = self._redis.zscore(_MISSED_KEY, what)
        if since is None or now - float(since) < self.grace_s:
            repairs.look_again = True
            return False
        self._redis.zrem(_MISSED_KEY, what)
        return True
