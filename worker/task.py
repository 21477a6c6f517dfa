"""The task of a job, from the upload to the published results. Every outcome is written to the record."""

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

from jobs.estimates import PUBLISH, Paces, overall_progress
from jobs.record import Artifact, JobError, JobKind, JobRecord, JobStatus
from jobs.repository import CancelRequestedError, JobRecords, RecordError
from jobs.store import ArtifactStore, MissingArtifactError, StoreError
from jobs.store.backend import is_full
from model_core.errors import CanceledError, DeviceMemoryError, InputError
from model_core.options import ProgressCallback
from model_core.results import Variant
from worker import metrics
from worker.attempt import Attempt, Stop, Throttle
from worker.prefetch import Prefetcher
from worker.scorer import Scorer, write_curve

log: Final = structlog.get_logger(__name__)
INTERNAL: Final = JobError(
    code="internal", detail="The job failed because of an internal error. The upload has been kept."
)
STORE: Final = JobError(
    code="storage", detail="The result could not be stored after several retries. The upload has been kept."
)
UPLOAD_MISSING: Final = JobError(
    code="upload_missing", detail="The upload is missing from the store. Create the job again."
)
_BROKEN_DISK: Final = frozenset({errno.EIO, errno.EROFS})


class TaskRunner:
    """Runs jobs with one scorer.

    Attributes:
        records, store, prefetcher, stop: as passed to the constructor.
    """

    def __init__(
        self,
        records: JobRecords,
        store: ArtifactStore,
        scorer: Scorer,
        prefetcher: Prefetcher,
        paces: Paces,
        stop: Stop,
        max_retries: int,
    ) -> None:
        """``prefetcher`` uses the same scorer; ``stop`` is checked at every step of progress.

        ``paces`` learns from every completed job. ``max_retries``: how often a job is requeued because the store does
        not work.
        """
        self.records = records
        self.store = store
        self.prefetcher = prefetcher
        self.stop = stop
        self._scorer = scorer
        self._paces = paces
        self._max_retries = max_retries
        self._attempt: Attempt | None = None
        self.before_outcome: Callable[[], None] = lambda: None
        """Called when a job's work is done and its outcome is about to be written, which may have to wait for Redis."""

    def renew_lease(self) -> None:
        """Renews the lease of the current job, if any; called by the heartbeat thread."""
        if (attempt := self._attempt) is not None:
            attempt.renew_lease()

    def requeue_current(self) -> str | None:
        """Requeues the current job for good and returns its id, or None without one; called by the heartbeat thread."""
        attempt = self._attempt
        return attempt.job.id if attempt is not None and attempt.try_requeue() else None

    def run(self, job_id: str, worker: str) -> Retry | None:
        """Runs one job for the worker of that name; returns a Retry when the job must go back into the queue.

        Raises only SystemExit, and RedisError when Redis stays unavailable until the worker is asked to stop.
        """
        with structlog.contextvars.bound_contextvars(job_id=job_id):
            try:
                attempt = Attempt.begin(
                    job_id, self._scorer.model, worker, self.records, self.stop, self.before_outcome
                )
            except RecordError as error:
                log.info("job_skipped", reason=str(error))
                return None
            about = {"request_id": attempt.job.request_id} if attempt.job.request_id else {}
            with structlog.contextvars.bound_contextvars(**about):
                log.info("job_started", attempt=attempt.number)
                self._attempt = attempt
                began = time.monotonic()
                try:
                    retry = self._run_attempt(attempt)
                    if retry is None:
                        metrics.observe_job(time.monotonic() - began)
                    return retry
                except RecordError as error:
                    log.warning("job_outcome_dropped", reason=str(error))
                    self._remove_files(lambda: self._discard_unless_named(attempt))
                    return None
                finally:
                    self._attempt = None

    def _run_attempt(self, attempt: Attempt) -> Retry | None:
        # The inner method may wait for the store or for Redis, and these exceptions can end that wait as well.
        try:
            return self._try_attempt(attempt)
        except (CancelRequestedError, CanceledError):
            if self.stop.is_final:
                return attempt.requeue()
            attempt.cancel()
            self._remove_files(lambda: self.store.discard(attempt.job.id, attempt.number))
        except JobTimeoutException as error:
            attempt.fail(JobError(code="timeout", detail=f"{error}."))
        except SystemExit:  # a second SIGTERM asks for an immediate end
            attempt.requeue()
            raise
        return None

    def _try_attempt(self, attempt: Attempt) -> Retry | None:
        try:
            artifacts, seconds = self._create_artifacts(attempt)
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
            if isinstance(error, StoreError) or (isinstance(error, OSError) and _is_disk_error(error)):
                log.error("store_failed", error=str(error), retries=attempt.job.retries)
                return attempt.retry_later(STORE, self._max_retries)
            log.exception("job_broken")
            attempt.fail(INTERNAL)
        else:
            self._remove_files(lambda: self.store.keep_only(attempt.job.id, attempt.number))
            self._learn(attempt.job, seconds)
        return None

    def _create_artifacts(self, attempt: Attempt) -> tuple[Mapping[Variant, Artifact], Mapping[str, float]]:
        """Runs the stages and publishes the results; returns the artifacts and the seconds of each stage."""
        job = attempt.job
        timer = metrics.StageTimer()
        report = self._make_reporter(attempt, timer)
        try:
            with self.store.upload(job.id) as video, self.store.scratch.folder(job.id) as out:
                request = video, job.prompt, job.options
                analysis = self.prefetcher.take(job.id, report) or self._scorer.analyze(*request, report)
                if job.kind is JobKind.CURVE:
                    files = write_curve(analysis, out)
                else:
                    files = self._score(lambda: self._scorer.score(analysis, *request, out, report))
                timer.enter(PUBLISH)
                published = self.store.publish(job.id, attempt.number, files)
            return published, timer.end()
        finally:
            self.prefetcher.pause()
            timer.end()

    def _score(self, score: Callable[[], dict[str, Path]]) -> dict[str, Path]:
        """Calls ``score``; calls it again when a running prefetch may have used the memory that it lacked."""
        try:
            return score()
        except DeviceMemoryError:
            if not self.prefetcher.disable():
                raise
        log.warning("look_ahead_turned_off", reason="there is too little memory for it beside a job")
        return score()

    def _make_reporter(self, attempt: Attempt, timer: metrics.StageTimer) -> ProgressCallback:
        throttle = Throttle()

        def report(stage: str, fraction: float) -> None:
            if self.stop.reason is not None:
                raise CanceledError(self.stop.reason)
            timer.enter(stage)
            if stage == "generate":
                self.prefetcher.start()
            if throttle.allows(stage):
                attempt.advance(stage, overall_progress(attempt.job.kind, stage, fraction))

        return report

    def _learn(self, job: JobRecord, seconds: Mapping[str, float]) -> None:
        try:
            self._paces.record(job, seconds)
        except RedisError as error:  # the next job updates the averages
            log.warning("pace_not_noted", error=str(error))

    def _discard_unless_named(self, attempt: Attempt) -> None:
        # A timeout or a signal may arrive after the job was completed; then the record refers to these results.
        record = self.records.get(attempt.job.id)
        if record is None or record.status is not JobStatus.COMPLETED or record.attempt != attempt.number:
            self.store.discard(attempt.job.id, attempt.number)

    def _remove_files(self, remove: Callable[[], None]) -> None:
        """Calls ``remove`` for files to which no record refers. After a failure the retention removes them later."""
        try:
            remove()
        except (StoreError, RedisError) as error:
            log.warning("files_not_removed", error=str(error))


def _is_disk_error(error: OSError) -> bool:
    return is_full(error) or error.errno in _BROKEN_DISK


_runner: ContextVar[Callable[[str], Retry | None]] = ContextVar("v2m_task_runner")


@contextmanager
def bind_runner(run_job: Callable[[str], Retry | None]) -> Iterator[None]:
    """Makes ``run`` call ``run_job`` during the block: RQ calls the task by name and cannot pass objects to it."""
    token = _runner.set(run_job)
    try:
        yield
    finally:
        _runner.reset(token)


def run(job_id: str) -> Retry | None:
    """The function that queued jobs name (``jobs.queue.TASK``)."""
    return _runner.get()(job_id)
