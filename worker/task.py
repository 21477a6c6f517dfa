"""The one task: what one job asks for is made. Whatever happens to it, the record says so and the worker goes on."""

import errno
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final

import structlog
from redis.exceptions import RedisError
from rq import Retry
from rq.timeouts import JobTimeoutException

from jobs.estimates import Paces
from jobs.record import Artifact, JobError, JobKind, JobRecord, JobStatus
from jobs.repository import CancelRequestedError, JobRecords, RecordError
from jobs.estimates import PUBLISH, overall_progress
from jobs.store import ArtifactStore, MissingArtifactError, StoreError
from jobs.store.backend import is_full
from model_core.errors import CanceledError, DeviceMemoryError, InputError
from model_core.options import ProgressCallback
from model_core.results import Variant
from worker import metrics
from worker.attempt import Attempt
from worker.prefetch import Prefetcher
from worker.attempt import Throttle
from worker.scorer import Scorer, write_curve
from worker.attempt import Stop

log: Final = structlog.get_logger(__name__)
INTERNAL: Final = JobError(
    code="internal", detail="It could not be made because of a fault of ours. The upload has been kept."
)
STORE: Final = JobError(
    code="storage", detail="The result could not be stored, again and again. The upload has been kept."
)
UPLOAD_MISSING: Final = JobError(code="upload_missing", detail="The upload is not in the store any more.")
_BROKEN_DISK: Final = frozenset({errno.EIO, errno.EROFS})


class TaskRunner:
    """Runs jobs with one scorer."""

    def __init__(
        self,
        records: JobRecords,
        store: ArtifactStore,
        scorer: Scorer,
        ahead: Prefetcher,
        paces: Paces,
        stop: Stop,
        max_retries: int,
    ) -> None:
        """``ahead`` looks by the same scorer; ``stop`` is looked at on every step of progress.

        ``paces`` learns from every job that is completed. ``max_retries``: how often a job is put off because the store
        does not work.
        """
        self.records = records
        self.store = store
        self.ahead = ahead
        self.stop = stop
        self._scorer = scorer
        self._paces = paces
        self._max_retries = max_retries
        self._attempt: Attempt | None = None
        self.settling: Callable[[], None] = lambda: None
        """Called when a job's work is over and its outcome is about to be told, which may have to wait for Redis."""

    def hold(self) -> None:
        """Renews the lease of the job under way, if there is one; for the pulse's thread."""
        if (attempt := self._attempt) is not None:
            attempt.hold()

    def leave(self) -> str | None:
        """Gives the job under way back for good, for the pulse's thread; its id, or None when there is none to give."""
        attempt = self._attempt
        return attempt.job.id if attempt is not None and attempt.is_left() else None

    def run(self, job_id: str, worker: str) -> Retry | None:
        """Does one job for the worker of that name; returns a Retry when the job must go back into the queue.

        Raises nothing but SystemExit, and RedisError when Redis stays away until the worker is told to stop.
        """
        with structlog.contextvars.bound_contextvars(job_id=job_id):
            try:
                attempt = Attempt.begin(job_id, self._scorer.model, worker, self.records, self.stop, self.settling)
            except RecordError as error:
                log.info("job_skipped", reason=str(error))
                return None
            about = {"request_id": attempt.job.request_id} if attempt.job.request_id else {}
            with structlog.contextvars.bound_contextvars(**about):
                log.info("job_started", attempt=attempt.number)
                self._attempt = attempt
                began = time.monotonic()
                try:
                    retry = self._outcome(attempt)
                    if retry is None:
                        metrics.job_seconds(time.monotonic() - began)
                    return retry
                except RecordError as error:
                    log.warning("job_outcome_dropped", reason=str(error))
                    self._tidy(lambda: self._discard_unless_named(attempt))
                    return None
                finally:
                    self._attempt = None

    def _outcome(self, attempt: Attempt) -> Retry | None:
        # The inner part may wait for the store or for Redis, and these three can end that as well.
        try:
            return self._tried(attempt)
        except (CancelRequestedError, CanceledError):
            if self.stop.is_final:
                return attempt.give_back()
            attempt.cancel()
            self._tidy(lambda: self.store.discard(attempt.job.id, attempt.number))
        except JobTimeoutException as error:
            attempt.fail(JobError(code="timeout", detail=f"{error}."))
        except SystemExit:  # a second SIGTERM: the person will not wait
            attempt.give_back()
            raise
        return None

    def _tried(self, attempt: Attempt) -> Retry | None:
        try:
            artifacts, seconds = self._make(attempt)
            attempt.complete(artifacts)
        except (RecordError, RedisError, CanceledError, JobTimeoutException):
            raise
        except InputError as error:
            attempt.fail(JobError(code=error.code, detail=error.detail, field=error.field))
        except DeviceMemoryError as error:
            attempt.fail(JobError(code="out_of_memory", detail=str(error)))
        except MissingArtifactError as error:
            log.error("upload_missing", error=str(error))
            attempt.fail(UPLOAD_MISSING)
        except Exception as error:
            if isinstance(error, StoreError) or (isinstance(error, OSError) and _of_the_disk(error)):
                log.error("store_failed", error=str(error), retries=attempt.job.retries)
                return attempt.put_off(STORE, self._max_retries)
            log.exception("job_broken")
            attempt.fail(INTERNAL)
        else:
            self._tidy(lambda: self.store.keep_only(attempt.job.id, attempt.number))
            self._learn(attempt.job, seconds)
        return None

    def _make(self, attempt: Attempt) -> tuple[Mapping[Variant, Artifact], Mapping[str, float]]:
        """What was published, and the seconds that each stage took."""
        job = attempt.job
        stages = metrics.Stages()
        report = self._reporter(attempt, stages)
        try:
            with self.store.upload(job.id) as video, self.store.scratch.folder(job.id) as out:
                asked = video, job.prompt, job.options
                look = self.ahead.take(job.id, report) or self._scorer.analyze(*asked, report)
                if job.kind is JobKind.CURVE:
                    files = write_curve(look, out)
                else:
                    files = self._scored(lambda: self._scorer.score(look, *asked, out, report))
                stages.at(PUBLISH)
                published = self.store.publish(job.id, attempt.number, files)
            return published, stages.end()
        finally:
            self.ahead.rest()
            stages.end()

    def _scored(self, score: Callable[[], dict[str, Path]]) -> dict[str, Path]:
        """What ``score`` returns; once more where it may only have lacked the memory that the look ahead took."""
        try:
            return score()
        except DeviceMemoryError:
            if not self.ahead.turn_off():
                raise
        log.warning("look_ahead_turned_off", reason="there is too little memory for it beside a job")
        return score()

    def _reporter(self, attempt: Attempt, stages: metrics.Stages) -> ProgressCallback:
        throttle = Throttle()

        def report(stage: str, fraction: float) -> None:
            if self.stop.reason is not None:
                raise CanceledError(self.stop.reason)
            stages.at(stage)
            if stage == "generate":
                self.ahead.begin()
            if throttle.lets_pass(stage):
                attempt.advance(stage, overall_progress(attempt.job.kind, stage, fraction))

        return report

    def _learn(self, job: JobRecord, seconds: Mapping[str, float]) -> None:
        try:
            self._paces.record(job, seconds)
        except RedisError as error:  # the next job will do
            log.warning("pace_not_noted", error=str(error))

    def _discard_unless_named(self, attempt: Attempt) -> None:
        # A time-out or a signal may come after the job was completed: then these results are the ones that count.
        record = self.records.get(attempt.job.id)
        if record is None or record.status is not JobStatus.COMPLETED or record.attempt != attempt.number:
            self.store.discard(attempt.job.id, attempt.number)

    def _tidy(self, remove: Callable[[], None]) -> None:
        """Removes files that nothing points to. What fails here is removed by the sweep, with the job's other files."""
        try:
            remove()
        except (StoreError, RedisError) as error:
            log.warning("files_not_removed", error=str(error))


def _of_the_disk(error: OSError) -> bool:
    return is_full(error) or error.errno in _BROKEN_DISK


_runner: ContextVar[Callable[[str], Retry | None]] = ContextVar("v2m_task_runner")


@contextmanager
def bound(run_job: Callable[[str], Retry | None]) -> Iterator[None]:
    """Inside the block ``run`` does this: RQ calls the task by name and can pass it no objects."""
    token = _runner.set(run_job)
    try:
        yield
    finally:
        _runner.reset(token)


def run(job_id: str) -> Retry | None:
    """The function in the queue (``jobs.queue.TASK``)."""
    return _runner.get()(job_id)
