"""The one task: score the video of one job. Whatever happens to it, the record says so and the worker goes on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import structlog
from redis.exceptions import RedisError
from rq import Retry
from rq.timeouts import JobTimeoutException

from jobs.record import JobError
from jobs.records import JobRecords, RecordError, StaleAttemptError
from jobs.store import ArtifactStore
from model_core.errors import CanceledError, DeviceMemoryError, InputError
from model_core.options import ProgressCallback
from worker.ahead import LookAhead
from worker.progress import Throttle, overall
from worker.scorer import Scorer

log: Final = structlog.get_logger(__name__)
_UNLIMITED: Final = 1_000_000  # a worker that is stopped in good order costs a job no attempt
INTERNAL: Final = JobError(
    code="internal", detail="The soundtrack could not be made because of a fault of ours. The upload has been kept."
)


@dataclass
class Stop:
    """Why the job under way should stop, if it should. A plain attribute: signal handlers may not take locks."""

    reason: Literal["cancel", "shutdown"] | None = None

    def clear_cancel(self) -> None:
        """Forgets a cancel, which was for one job; a shutdown stays."""
        if self.reason == "cancel":
            self.reason = None


class TaskRunner:
    """Runs jobs with one scorer."""

    def __init__(self, records: JobRecords, store: ArtifactStore, scorer: Scorer, ahead: LookAhead, stop: Stop) -> None:
        """``ahead`` looks by the same scorer; ``stop`` is looked at on every step of progress."""
        self.records = records
        self.store = store
        self.ahead = ahead
        self.stop = stop
        self._scorer = scorer

    def run(self, job_id: str) -> Retry | None:
        """Scores one job; returns a Retry when the worker is to stop and the job must go back into the queue.

        Raises nothing but RedisError, when not even the outcome can be written: then the job is found abandoned.
        """
        with structlog.contextvars.bound_contextvars(job_id=job_id):
            try:
                attempt = self.records.start(job_id, self._scorer.model)
            except RecordError as error:
                log.info("job_skipped", reason=str(error))
                return None
            log.info("job_started", attempt=attempt)
            try:
                return self._outcome(job_id, attempt)
            except RecordError as error:
                log.warning("job_outcome_dropped", reason=str(error))
                return None

    def _outcome(self, job_id: str, attempt: int) -> Retry | None:
        try:
            self._score(job_id, attempt)
            self.records.complete(job_id, attempt)
            log.info("job_completed", model=self._scorer.model.title, kind=self._scorer.model.kind)
        except (RecordError, RedisError):
            raise
        except CanceledError:
            if self.stop.reason == "shutdown":
                self.records.requeue(job_id, attempt)
                log.info("job_requeued", reason="the worker stops")
                return Retry(max=_UNLIMITED, enqueue_at_front=True)
            self.records.cancel(job_id, attempt)
            log.info("job_canceled")
        except SystemExit:  # a second SIGTERM: the person will not wait
            self.records.requeue(job_id, attempt)
            raise
        except InputError as error:
            self.records.fail(job_id, JobError(code=error.code, detail=error.detail, field=error.field), attempt)
            log.info("job_failed", code=error.code, field=error.field, detail=error.detail)
        except DeviceMemoryError as error:
            self.records.fail(job_id, JobError(code="out_of_memory", detail=str(error)), attempt)
            log.warning("job_failed", code="out_of_memory")
        except JobTimeoutException as error:
            self.records.fail(job_id, JobError(code="timeout", detail=f"{error}."), attempt)
            log.warning("job_failed", code="timeout")
        except Exception:
            log.exception("job_failed", code=INTERNAL.code)
            self.records.fail(job_id, INTERNAL, attempt)
        return None

    def _score(self, job_id: str, attempt: int) -> None:
        record = self.records.get(job_id)
        if record is None:
            raise StaleAttemptError(f"the record of job {job_id} is gone")
        with self.store.workspace(job_id) as out:
            report = self._reporter(job_id, attempt)
            asked = self.store.upload(job_id), record.prompt, record.options
            look = self.ahead.take(job_id, report) or self._scorer.look(*asked, report)
            try:
                files = self._made(lambda: self._scorer.score(look, *asked, out, report))
            finally:
                self.ahead.rest()
            self.store.publish(job_id, files)

    def _made(self, score: Callable[[], dict[str, Path]]) -> dict[str, Path]:
        """What ``score`` returns; once more where it may only have lacked the memory that the look ahead took."""
        try:
            return score()
        except DeviceMemoryError:
            if not self.ahead.turn_off():
                raise
        log.warning("look_ahead_turned_off", reason="there is too little memory for it beside a job")
        return score()

    def _reporter(self, job_id: str, attempt: int) -> ProgressCallback:
        throttle = Throttle()

        def report(stage: str, fraction: float) -> None:
            if self.stop.reason is not None:
                raise CanceledError(self.stop.reason)
            if stage == "generate":
                self.ahead.begin()
            if not throttle.lets_pass(stage):
                return
            try:
                self.records.advance(job_id, attempt, stage, overall(stage, fraction))
            except RedisError as error:  # a step of progress is not worth a job
                log.warning("progress_not_written", error=str(error))

        return report


_runner: ContextVar[TaskRunner] = ContextVar("v2m_task_runner")


@contextmanager
def bound(runner: TaskRunner) -> Iterator[None]:
    """Inside the block ``run`` works with this runner: RQ calls the task by name and can pass it no objects."""
    token = _runner.set(runner)
    try:
        yield
    finally:
        _runner.reset(token)


def run(job_id: str) -> Retry | None:
    """The function in the queue (``jobs.queue.TASK``)."""
    return _runner.get().run(job_id)
