"""One attempt at one job: its progress, lease and outcome in the record, written even after an outage of Redis."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

import structlog
from redis.exceptions import RedisError
from rq import Retry

from jobs.infra.redis_connection import retry_while_unavailable
from jobs.record import Artifact, JobError, JobRecord, JobStatus
from jobs.repository import JobRecords, RecordError, UnknownJobError
from model_core.options import ModelInfo
from model_core.results import Variant
from worker import metrics

log: Final = structlog.get_logger(__name__)
T = TypeVar("T")
_UNLIMITED: Final = 1_000_000  # RQ counts requeues; here only the record decides
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_MIN_WRITE_INTERVAL_S: Final = 0.2


@dataclass
class Stop:
    """Reason for which the current job should stop, if any. A plain attribute: signal handlers may not take locks."""

    reason: Literal["cancel", "shutdown"] | None = None

    def clear_cancel(self) -> None:
        """Resets a cancel, which applies to one job only; a shutdown stays."""
        if self.reason == "cancel":
            self.reason = None

    @property
    def is_final(self) -> bool:
        """True when the worker itself is to stop."""
        return self.reason == "shutdown"


class Throttle:
    """Limits the writes of progress: one for every new stage, and otherwise five a second."""

    def __init__(self) -> None:
        self._stage = ""
        self._written = 0.0

    def allows(self, stage: str) -> bool:
        """True when this step of progress should be written, which then counts as written."""
        now = time.monotonic()
        if stage == self._stage and now - self._written < _MIN_WRITE_INTERVAL_S:
            return False
        self._stage, self._written = stage, now
        return True


@dataclass(frozen=True)
class Attempt:
    """The state of a worker while it runs a job.

    Methods raise RecordError when a later attempt has the job, and RedisError only when Redis stays unavailable until
    the worker is asked to stop: without Redis it could do nothing else anyway.
    """

    job: JobRecord
    number: int
    _records: JobRecords
    _stop: Stop
    _before_outcome: Callable[[], None]
    _redis_is_down: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def begin(
        cls,
        job_id: str,
        model: ModelInfo,
        worker: str,
        records: JobRecords,
        stop: Stop,
        before_outcome: Callable[[], None],
    ) -> "Attempt":
        """Starts a queued job; RecordError when the job is not queued.

        ``before_outcome`` is called when the work is done and its outcome is about to be written. The write may have to
        wait for Redis, and the time limits of the job do not apply to that.
        """
        number = retry_while_unavailable(
            lambda: records.start(job_id, model, worker), float("inf"), lambda: stop.is_final
        )
        job = retry_while_unavailable(lambda: records.get(job_id), float("inf"), lambda: stop.is_final)
        if job is None:
            raise UnknownJobError(f"there is no job {job_id}")
        return cls(job, number, records, stop, before_outcome)

    def renew_lease(self) -> None:
        """Renews the lease; RedisError when Redis is unavailable now."""
        try:
            self._records.renew_lease(self.job.id, self.number)
        except RecordError as error:  # canceled or superseded: the job's own thread notices at its next step
            log.debug("lease_not_renewed", job_id=self.job.id, reason=str(error))
        self._redis_is_down.clear()

    def advance(self, stage: str, progress: float) -> None:
        """Writes stage and progress (0..1 over the whole job); skips the write while Redis is unavailable.

        After a failed write, nothing is written until the next renewal of the lease has succeeded, so that a Redis that
        hangs does not delay every step.
        """
        if self._redis_is_down.is_set():
            return
        try:
            self._records.advance(self.job.id, self.number, stage, progress)
        except RedisError as error:
            self._redis_is_down.set()
            log.warning("progress_not_written", error=str(error))

    def complete(self, artifacts: Mapping[Variant, Artifact]) -> None:
        """Completes the job; CancelRequestedError when its cancellation was requested."""
        self._write_outcome(lambda: self._records.complete(self.job.id, self.number, artifacts))
        metrics.count_ended("completed")
        model = self.job.model
        log.info("job_completed", attempt=self.number, model=model and model.title, kind=model and model.kind)

    def fail(self, error: JobError) -> None:
        """Fails the job with ``error``."""
        self._write_outcome(lambda: self._records.fail(self.job.id, error, self.number))
        metrics.count_ended("failed", error.code)
        log.warning("job_failed", code=error.code, field=error.field, detail=error.detail)

    def cancel(self) -> None:
        """Cancels the job."""
        self._write_outcome(lambda: self._records.cancel(self.job.id, self.number))
        metrics.count_ended("canceled")
        log.info("job_canceled")

    def requeue(self) -> Retry | None:
        """Puts the job back into the queue because the worker stops; this uses up none of the job's retries.

        Returns the Retry for RQ, or None when the job has ended.
        """
        # No wait for Redis here: a job that is not requeued is found as lost by another worker.
        status = self._records.requeue(self.job.id, self.number)
        return self._finish_requeue(status, "stop", "the worker stops")

    def try_requeue(self) -> bool:
        """``requeue`` for another thread, when the job's own does not stop in time; False when the job has ended."""
        try:
            self.requeue()
        except RecordError as error:
            log.info("job_not_requeued", job_id=self.job.id, reason=str(error))
            return False
        return True

    def retry_later(self, error: JobError, limit: int) -> Retry | None:
        """Requeues the job after a pause, because the store does not work; fails it after ``limit`` retries.

        The pause is 1 s at first and doubles with every retry, up to 60 s. ``error``: error of the failed job.
        """
        self._pause(min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0**self.job.retries))
        if self._stop.is_final:
            return self.requeue()
        status = self._write_outcome(
            lambda: self._records.requeue_unstored(self.job.id, self.number, limit, error),
        )
        return self._finish_requeue(status, "store", error.detail)

    def _finish_requeue(self, status: JobStatus, why: Literal["store", "stop"], reason: str) -> Retry | None:
        if status is JobStatus.QUEUED:
            metrics.count_requeued(why)
            log.warning("job_requeued", reason=reason)
            return Retry(max=_UNLIMITED, enqueue_at_front=True)
        if status is JobStatus.FAILED:
            metrics.count_ended("failed", "storage")
        else:
            metrics.count_ended("canceled")
        log.warning("job_not_requeued", status=status.value, reason=reason)
        return None

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._stop.reason:
            self.advance("waiting", 0.0)  # a CancelRequestedError ends the pause
            time.sleep(0.5)

    def _write_outcome(self, write: Callable[[], T]) -> T:
        self._before_outcome()
        return retry_while_unavailable(write, float("inf"), lambda: self._stop.is_final)
