"""Prefetch: the next job's video is analyzed while a GPU samples the current job's music and leaves the CPU idle."""

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
from worker.scorer import Scorer, VideoAnalysis

log: Final = structlog.get_logger(__name__)
_CHECK_S: Final = 0.5
_POLL_S: Final = 0.1
_JOIN_S: Final = 5.0  # for an analysis to reach its next step of progress, at which it ends


class Prefetcher:
    """Analyzes the video of the next job in the queue, without taking the job, and keeps the result for its run here.

    When another worker takes the job, the analysis is wasted, and the next one is for another job. All methods belong
    to the worker's own thread, and only ``take`` and ``disable`` block.

    Attributes:
        on: False when prefetching is disabled.
    """

    def __init__(self, queue: Queue, records: JobRecords, store: ArtifactStore, scorer: Scorer, *, on: bool) -> None:
        """``on``: False disables prefetching from the start."""
        self.on = on
        self._queue = queue
        self._records = records
        self._store = store
        self._scorer = scorer
        self._current: _PrefetchThread | None = None
        self._previous: _PrefetchThread | None = None

    def start(self) -> None:
        """Starts prefetching, because the current job has reached its music; does nothing when it is running."""
        if self.on and self._current is None:
            self._current = _PrefetchThread(self._find_next, self._analyze, self._previous)
            self._current.start()

    def pause(self) -> None:
        """Starts no further analysis, because the current job has ended; a running one continues."""
        if self._current is not None:
            self._current.pause()

    def take(self, job_id: str, report: ProgressCallback) -> VideoAnalysis | None:
        """Returns the analysis for the job that starts now, or None; discards the analysis of any other job.

        Waits for a running analysis of this job and reports its progress as the job's own. An exception of ``report``
        ends the analysis and is passed on.
        """
        thread, self._current = self._current, None
        if thread is None:
            return None
        self._previous = thread
        thread.pause()
        try:
            if thread.job_id != job_id:
                return None
            report("probe", 0.0)
            while thread.is_alive():
                report(*thread.step)
                thread.join(_POLL_S)
            if thread.analysis is None:
                return None
            report("curve", 1.0)
            return thread.analysis
        finally:
            thread.ended.set()

    def disable(self) -> bool:
        """Ends prefetching for good and frees its memory; returns True when an analysis was running."""
        self.on = False
        threads = [thread for thread in (self._previous, self._current) if thread is not None]
        self._previous, self._current = None, None
        was_busy = any(thread.is_busy for thread in threads)
        for thread in threads:
            thread.pause()
            thread.ended.set()
        for thread in threads[-1:]:  # which itself waits for the one before it
            thread.join(_JOIN_S)
        return was_busy

    def _find_next(self) -> JobRecord | None:
        """The record of the job at the head of the queue; None when the queue is empty."""
        (job_id,) = self._queue.get_job_ids(0, 1) or ("",)
        record = self._records.get(job_id) if is_job_id(job_id) else None
        return record if record is not None and record.status is JobStatus.QUEUED else None

    def _analyze(self, record: JobRecord, report: ProgressCallback) -> VideoAnalysis:
        checked = time.monotonic()

        def report_or_cancel(stage: str, fraction: float) -> None:
            nonlocal checked
            report(stage, fraction)
            if time.monotonic() - checked > _CHECK_S:
                checked = time.monotonic()
                now = self._records.get(record.id)
                if now is None or now.is_final:
                    raise CanceledError("the job has ended or was deleted")

        with self._store.upload(record.id) as video:
            return self._scorer.analyze(video, record.prompt, record.options, report_or_cancel)


class _PrefetchThread(threading.Thread):
    """The thread that prefetches during one job.

    Attributes:
        job_id: id of the job that was analyzed last.
        analysis: the result for that job; None until it is complete.
        step: stage and fraction of the analysis.
        is_busy: True while an analysis is running.
        ended: set by other threads; ends a running analysis at its next step of progress.
    """

    def __init__(
        self,
        find_next: Callable[[], JobRecord | None],
        analyze: Callable[[JobRecord, ProgressCallback], VideoAnalysis],
        previous: "_PrefetchThread | None",
    ) -> None:
        # A daemon, since the process may end before an analysis reaches its next step.
        super().__init__(name="prefetch", daemon=True)
        self.job_id = ""
        self.analysis: VideoAnalysis | None = None
        self.step = ("probe", 0.0)
        self.is_busy = False
        self.ended = threading.Event()
        self._paused = threading.Event()
        self._choosing = threading.Lock()
        self._find_next = find_next
        self._analyze = analyze
        self._previous = previous

    def pause(self) -> None:
        """Starts no further analysis: the current ``job_id`` is the last."""
        with self._choosing:
            self._paused.set()

    def run(self) -> None:
        """Analyzes each new job at the head of the queue. Errors are only logged; the job's own run will meet them."""
        if self._previous is not None:
            self._previous.join()  # so that there is never more than one analysis
            self._previous = None
        while not self._paused.is_set():
            try:
                record = self._find_next()
            except Exception as error:
                log.info("look_ahead_failed", error=f"{type(error).__name__}: {error}")
                record = None
            if record is not None and record.id != self.job_id and self._choose(record):
                self._run_analysis(record)
            self._paused.wait(_CHECK_S)

    def _choose(self, record: JobRecord) -> bool:
        with self._choosing:
            if self._paused.is_set():
                return False
            self.job_id, self.analysis, self.step = record.id, None, ("probe", 0.0)
            return True

    def _run_analysis(self, record: JobRecord) -> None:
        began = time.monotonic()
        self.is_busy = True
        try:
            self.analysis = self._analyze(record, self._set_step)
        except CanceledError as reason:
            log.info("look_ahead_ended", job_id=record.id, reason=str(reason))
        except Exception as error:
            log.info("look_ahead_failed", job_id=record.id, error=f"{type(error).__name__}: {error}")
        else:
            log.info("looked_ahead", job_id=record.id, seconds=round(time.monotonic() - began, 2))
        finally:
            self.is_busy = False

    def _set_step(self, stage: str, fraction: float) -> None:
        if self.ended.is_set():
            raise CanceledError("another job runs, or the worker stops")
        self.step = (stage, fraction)
