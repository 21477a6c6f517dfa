"""The next job's video is looked at while this one's music is made: a GPU that samples leaves the processor idle."""

import threading
import time
from collections.abc import Callable
from typing import Final

import structlog
from rq import Queue

from jobs.record import JobRecord, JobStatus, is_job_id
from jobs.repository import JobRecords
from jobs.store import ArtifactStore
from model_core.errors import CanceledError
from model_core.options import ProgressCallback
from worker.scorer import VideoAnalysis, Scorer

log: Final = structlog.get_logger(__name__)
_PEEK_S: Final = 0.5
_POLL_S: Final = 0.1
_LEAVE_S: Final = 5.0  # for a look to come to its next step of progress, which ends it


class Prefetcher:
    """Looks at the job that is next in the queue, without taking it, and keeps what was seen for its run here.

    Another worker may take the job; then the look was in vain, and the next one is for another job. All methods are
    for the worker's own thread, and none but ``take`` and ``turn_off`` wait.
    """

    def __init__(self, queue: Queue, records: JobRecords, store: ArtifactStore, scorer: Scorer, *, on: bool) -> None:
        """``on``: whether it ever does anything."""
        self.on = on
        self._queue = queue
        self._records = records
        self._store = store
        self._scorer = scorer
        self._watch: _Watch | None = None
        self._before: _Watch | None = None

    def begin(self) -> None:
        """The job under way has got to its music: now is the time. What has begun goes on."""
        if self.on and self._watch is None:
            self._watch = _Watch(self._next, self._look, self._before)
            self._watch.start()

    def rest(self) -> None:
        """The job under way is over: a look that has begun goes on, and no other begins."""
        if self._watch is not None:
            self._watch.rest()

    def take(self, job_id: str, report: ProgressCallback) -> VideoAnalysis | None:
        """What was seen of the job that starts now, if it was looked at; whatever else was seen is forgotten.

        A look at this job that is still under way is waited for, with its steps as the job's own. What ``report``
        raises ends it and is passed on.
        """
        watch, self._watch = self._watch, None
        if watch is None:
            return None
        self._before = watch
        watch.rest()
        try:
            if watch.job_id != job_id:
                return None
            report("probe", 0.0)
            while watch.is_alive():
                report(*watch.step)
                watch.join(_POLL_S)
            if watch.seen is None:
                return None
            report("curve", 1.0)
            return watch.seen
        finally:
            watch.ended.set()

    def turn_off(self) -> bool:
        """Looks no more, and gives up the memory that this takes; True when a look was under way."""
        self.on = False
        watches = [watch for watch in (self._before, self._watch) if watch is not None]
        self._before, self._watch = None, None
        looking = any(watch.looking for watch in watches)
        for watch in watches:
            watch.rest()
            watch.ended.set()
        for watch in watches[-1:]:  # which itself waits for the one before it
            watch.join(_LEAVE_S)
        return looking

    def _next(self) -> JobRecord | None:
        """The record of the job at the head of the queue, if there is a job of ours."""
        (job_id,) = self._queue.get_job_ids(0, 1) or ("",)
        record = self._records.get(job_id) if is_job_id(job_id) else None
        return record if record is not None and record.status is JobStatus.QUEUED else None

    def _look(self, record: JobRecord, report: ProgressCallback) -> VideoAnalysis:
        asked = time.monotonic()

        def watched(stage: str, fraction: float) -> None:
            nonlocal asked
            report(stage, fraction)
            if time.monotonic() - asked > _PEEK_S:
                asked = time.monotonic()
                now = self._records.get(record.id)
                if now is None or now.is_final:
                    raise CanceledError("nobody waits for it any more")

        with self._store.upload(record.id) as video:
            return self._scorer.analyze(video, record.prompt, record.options, watched)


class _Watch(threading.Thread):
    """The thread that looks ahead during one job.

    Attributes:
        job_id, seen: the job that was looked at last, and what was seen of it once that is known.
        step: stage and fraction of the look.
        looking: whether a look is under way.
        ended: set from outside; the look under way ends at its next step of progress.
    """

    def __init__(
        self,
        next_job: Callable[[], JobRecord | None],
        look: Callable[[JobRecord, ProgressCallback], VideoAnalysis],
        before: "_Watch | None",
    ) -> None:
        # A daemon: the process may end before a look comes to its next step.
        super().__init__(name="look-ahead", daemon=True)
        self.job_id = ""
        self.seen: VideoAnalysis | None = None
        self.step = ("probe", 0.0)
        self.looking = False
        self.ended = threading.Event()
        self._resting = threading.Event()
        self._choosing = threading.Lock()
        self._next_job = next_job
        self._look = look
        self._before = before

    def rest(self) -> None:
        """No other look begins: what ``job_id`` says now is the last."""
        with self._choosing:
            self._resting.set()

    def run(self) -> None:
        """Looks whenever another job is next. No error leaves it: the job's own run has its say."""
        if self._before is not None:
            self._before.join()  # so that there is never more than one look
            self._before = None
        while not self._resting.is_set():
            try:
                record = self._next_job()
            except Exception as error:
                log.info("look_ahead_failed", error=f"{type(error).__name__}: {error}")
                record = None
            if record is not None and record.id != self.job_id and self._chosen(record):
                self._tried(record)
            self._resting.wait(_PEEK_S)

    def _chosen(self, record: JobRecord) -> bool:
        with self._choosing:
            if self._resting.is_set():
                return False
            self.job_id, self.seen, self.step = record.id, None, ("probe", 0.0)
            return True

    def _tried(self, record: JobRecord) -> None:
        began = time.monotonic()
        self.looking = True
        try:
            self.seen = self._look(record, self._note)
        except CanceledError as reason:
            log.info("look_ahead_ended", job_id=record.id, reason=str(reason))
        except Exception as error:
            log.info("look_ahead_failed", job_id=record.id, error=f"{type(error).__name__}: {error}")
        else:
            log.info("looked_ahead", job_id=record.id, seconds=round(time.monotonic() - began, 2))
        finally:
            self.looking = False

    def _note(self, stage: str, fraction: float) -> None:
        if self.ended.is_set():
            raise CanceledError("another job runs, or the worker stops")
        self.step = (stage, fraction)
