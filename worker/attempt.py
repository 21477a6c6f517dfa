"""One attempt at one job: everything that its worker tells the record of it, told even if Redis is out for a while."""

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
from worker.attempt import Stop

log: Final = structlog.get_logger(__name__)
T = TypeVar("T")
_UNLIMITED: Final = 1_000_000  # RQ counts what goes back into the queue; for us the record is what decides
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0


@dataclass(frozen=True)
class Attempt:
    """What a worker holds while it works on a job.

    Methods raise RecordError when the job is not this attempt's any more, and RedisError only when Redis stays away
    until the worker is told to stop: without Redis it could do nothing else anyway.
    """

    job: JobRecord
    number: int
    _records: JobRecords
    _stop: Stop
    _settling: Callable[[], None]
    _redis_is_out: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def begin(
        cls, job_id: str, model: ModelInfo, worker: str, records: JobRecords, stop: Stop, settling: Callable[[], None]
    ) -> "Attempt":
        """Starts a job that is queued; RecordError when it is not.

        ``settling`` is called when the work is over and its outcome is about to be told: that may take as long as Redis
        is out, and no limit of the job's time is meant for it.
        """
        number = retry_while_unavailable(lambda: records.start(job_id, model, worker), float("inf"), lambda: stop.is_final)
        job = retry_while_unavailable(lambda: records.get(job_id), float("inf"), lambda: stop.is_final)
        if job is None:
            raise UnknownJobError(f"there is no job {job_id}")
        return cls(job, number, records, stop, settling)

    def hold(self) -> None:
        """Renews the lease; RedisError when that cannot be done now."""
        try:
            self._records.renew_lease(self.job.id, self.number)
        except RecordError as error:  # canceled or overtaken: the job's own thread finds out at its next step
            log.debug("lease_not_renewed", job_id=self.job.id, reason=str(error))
        self._redis_is_out.clear()

    def advance(self, stage: str, progress: float) -> None:
        """Notes how far it has come; a step of progress that Redis does not take is not worth a job.

        Nor is it worth waiting for a Redis that hangs, at every step: nothing is told until the lease was renewed.
        """
        if self._redis_is_out.is_set():
            return
        try:
            self._records.advance(self.job.id, self.number, stage, progress)
        except RedisError as error:
            self._redis_is_out.set()
            log.warning("progress_not_written", error=str(error))

    def complete(self, artifacts: Mapping[Variant, Artifact]) -> None:
        """Over, and well; CancelRequestedError when somebody does not want it any more."""
        self._surely(lambda: self._records.complete(self.job.id, self.number, artifacts))
        metrics.job_ended("completed")
        model = self.job.model
        log.info("job_completed", attempt=self.number, model=model and model.title, kind=model and model.kind)

    def fail(self, error: JobError) -> None:
        """Over, with the reason."""
        self._surely(lambda: self._records.fail(self.job.id, error, self.number))
        metrics.job_ended("failed", error.code)
        log.warning("job_failed", code=error.code, field=error.field, detail=error.detail)

    def cancel(self) -> None:
        """Over, because somebody asked for it."""
        self._surely(lambda: self._records.cancel(self.job.id, self.number))
        metrics.job_ended("canceled")
        log.info("job_canceled")

    def give_back(self) -> Retry | None:
        """Back into the queue, because the worker stops: that costs the job nothing."""
        # no waiting for Redis here: what is not given back is found lost
        status = self._records.requeue(self.job.id, self.number)
        return self._queued_again(status, "stop", "the worker stops")

    def is_left(self) -> bool:
        """The same for another thread, when its own is too deep in its work to stop; False when it came to its end."""
        try:
            self.give_back()
        except RecordError as error:
            log.info("job_not_requeued", job_id=self.job.id, reason=str(error))
            return False
        return True

    def put_off(self, error: JobError, limit: int) -> Retry | None:
        """Back into the queue after a pause, longer each time; failed with ``error`` after ``limit`` of them."""
        self._pause(min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0**self.job.retries))
        if self._stop.is_final:
            return self.give_back()
        status = self._surely(lambda: self._records.requeue_unstored(self.job.id, self.number, limit, error))
        return self._queued_again(status, "store", error.detail)

    def _queued_again(self, status: JobStatus, why: Literal["store", "stop"], reason: str) -> Retry | None:
        if status is JobStatus.QUEUED:
            metrics.job_requeued(why)
            log.warning("job_requeued", reason=reason)
            return Retry(max=_UNLIMITED, enqueue_at_front=True)
        if status is JobStatus.FAILED:
            metrics.job_ended("failed", "storage")
        else:
            metrics.job_ended("canceled")
        log.warning("job_not_requeued", status=status.value, reason=reason)
        return None

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._stop.reason:
            self.advance("waiting", 0.0)  # CancelRequestedError ends it
            time.sleep(0.5)

    def _surely(self, ask: Callable[[], T]) -> T:
        self._settling()
        return retry_while_unavailable(ask, float("inf"), lambda: self._stop.is_final)
