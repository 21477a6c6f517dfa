"""Helpers that run the task with a scorer controlled by the test."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rq import Retry

from jobs.record import JobRecord
from model_core.curves.event_curve import EventCurve
from model_core.media import VideoInfo
from model_core.options import STAGES, ProgressCallback, ScoreOptions
from service.dependencies import Services
from tests.worker.fake_scorer import MODEL
from tests.worker.house import read
from worker.attempt import Stop
from worker.prefetch import Prefetcher
from worker.scorer import Scorer as AnyScorer
from worker.scorer import VideoAnalysis
from worker.task import TaskRunner

WORKER = "0123456789ab-1-00000000"
Behave = Callable[[Path, ProgressCallback], dict[str, Path]]


class Scorer:
    """Scorer controlled by the test."""

    model = MODEL
    prefetches = False

    def __init__(self, behave: Behave) -> None:
        self._behave = behave
        self.threads: list[str] = []

    def analyze(self, video: Path, prompt: str, options: ScoreOptions, progress: ProgressCallback) -> VideoAnalysis:
        self.threads.append(threading.current_thread().name)
        curve = EventCurve(np.arange(3.0), np.zeros(3), threading.current_thread().name)
        return VideoInfo(1.0, 64, 48, 0, 12.0, False, "h264", None, "mov", 12), curve

    def score(
        self,
        analysis: VideoAnalysis,
        video: Path,
        prompt: str,
        options: ScoreOptions,
        out: Path,
        progress: ProgressCallback,
    ) -> dict[str, Path]:
        return self._behave(out, progress)


def new_runner(
    services: Services, scorer: AnyScorer, stop: Stop | None = None, *, prefetch: bool = False
) -> TaskRunner:
    prefetcher = Prefetcher(services.queue.rq, services.records, services.store, scorer, on=prefetch)
    parts = services.records, services.store, scorer, prefetcher, services.paces, stop or Stop()
    return TaskRunner(*parts, max_retries=2)


def run(
    services: Services,
    job_id: str,
    behave: Behave,
    stop: Stop | None = None,
    before_outcome: Callable[[], None] = lambda: None,
) -> tuple[Retry | None, JobRecord]:
    runner = new_runner(services, Scorer(behave), stop)
    runner.before_outcome = before_outcome
    retry = runner.run(job_id, WORKER)
    return retry, read(services, job_id)


def good(out: Path, progress: ProgressCallback) -> dict[str, Path]:
    for stage in STAGES:
        progress(stage, 1.0)
    (out / "v.mp4").write_bytes(b"scored")
    return {"video": out / "v.mp4"}


def raise_error(error: BaseException) -> Behave:
    def behave(out: Path, progress: ProgressCallback) -> dict[str, Path]:
        (out / "half").write_bytes(b"half made")
        raise error

    return behave
