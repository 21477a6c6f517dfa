"""Prefetch: the video analysis of the next job while the current job's music is sampled."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from rq import Queue
from rq.serializers import JSONSerializer

from jobs.queue import QUEUE_NAME
from jobs.record import JobRecord, JobStatus
from model_core.curves.event_curve import EventCurve
from model_core.errors import CanceledError, DeviceMemoryError, InputError
from model_core.media import VideoInfo
from model_core.options import ProgressCallback, ScoreOptions
from service.dependencies import Services
from tests.processes import until
from tests.worker.fake_scorer import MODEL
from tests.worker.house import submit_job
from worker.prefetch import Prefetcher
from worker.scorer import VideoAnalysis

INFO = VideoInfo(1.0, 64, 48, 0, 12.0, False, "h264", None, "mov", 12)
Steps = list[tuple[str, float]]


class Analyzer:
    """Scorer whose analyses wait for ``may_end``; records which of them began and which were ended."""

    model = MODEL
    prefetches = True

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.may_end.set()
        self.error: Exception | None = None
        self.began: list[str] = []
        self.ended: list[str] = []

    def analyze(self, video: Path, prompt: str, options: ScoreOptions, progress: ProgressCallback) -> VideoAnalysis:
        name = video.read_text()
        self.began.append(name)
        try:
            progress("probe", 0.0)
            while not self.may_end.wait(0.01):
                progress("curve", 0.5)
            progress("curve", 1.0)
        except CanceledError:
            self.ended.append(name)
            raise
        if self.error is not None:
            raise self.error
        return INFO, EventCurve(np.zeros(3), np.zeros(3), name)

    def score(
        self,
        analysis: VideoAnalysis,
        video: Path,
        prompt: str,
        options: ScoreOptions,
        out: Path,
        progress: ProgressCallback,
    ) -> dict[str, Path]:
        raise AssertionError("prefetching must not score")


@pytest.fixture
def analyzer() -> Analyzer:
    return Analyzer()


Make = Callable[..., Prefetcher]


@pytest.fixture
def make(services: Services, analyzer: Analyzer) -> Iterator[Make]:
    """Creates prefetchers, and checks that none of their threads is left."""
    created: list[Prefetcher] = []

    def make(*, on: bool = True) -> Prefetcher:
        created.append(Prefetcher(services.queue.rq, services.records, services.store, analyzer, on=on))
        return created[-1]

    yield make
    for prefetcher in created:
        prefetcher.disable()
    assert running_threads() == []


def running_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def submit(services: Services, name: str) -> str:
    """A queued job whose upload holds its name."""
    return submit_job(services, name.encode())


def start(services: Services, job_id: str) -> None:
    """Takes a job out of the queue as a worker does."""
    services.queue.rq.remove(job_id)
    services.records.start(job_id, MODEL, "another")


def ignored(stage: str, fraction: float) -> None:
    """Progress callback that ignores its arguments."""


def wait_for_end(prefetcher: Prefetcher) -> None:
    """Waits for a running analysis to end."""
    prefetcher.pause()
    until(lambda: not running_threads(), "the analysis to end")


def start_analysis(services: Services, analyzer: Analyzer, make: Make) -> tuple[str, Prefetcher]:
    """A job, and the prefetcher with a running analysis of it."""
    job = submit(services, "job")
    prefetcher = make()
    analyzer.may_end.clear()
    prefetcher.start()
    until(lambda: analyzer.began, "the analysis to begin")
    return job, prefetcher


def test_next_job_is_analyzed_and_not_taken(services: Services, analyzer: Analyzer, make: Make) -> None:
    first, second = submit(services, "first"), submit(services, "second")
    prefetcher = make()
    assert prefetcher.take(first, ignored) is None
    assert running_threads() == [], "nothing starts before the current job samples music"
    prefetcher.start()
    prefetcher.start()
    until(lambda: analyzer.began, "the analysis to begin")
    wait_for_end(prefetcher)
    assert services.queue.position(first) == 1
    record = services.records.get(first)
    assert record is not None
    assert (record.status, record.attempt, record.stage) == (JobStatus.QUEUED, 0, None)
    start(services, first)
    steps: Steps = []
    analysis = prefetcher.take(first, lambda *step: steps.append(step))
    assert analysis is not None
    assert (analysis[0], analysis[1].encoder) == (INFO, "first")
    assert steps == [("probe", 0.0), ("curve", 1.0)]
    assert prefetcher.take(first, ignored) is None, "an analysis is used once"
    prefetcher.start()
    until(lambda: analyzer.began == ["first", "second"], "the analysis of the next job")
    wait_for_end(prefetcher)
    assert prefetcher.take(second, ignored) is not None


def test_analysis_of_another_job_is_ended_and_discarded(services: Services, analyzer: Analyzer, make: Make) -> None:
    first, second = submit(services, "first"), submit(services, "second")
    prefetcher = make()
    analyzer.may_end.clear()
    prefetcher.start()
    until(lambda: analyzer.began, "the analysis to begin")
    assert prefetcher.take(second, ignored) is None
    until(lambda: analyzer.ended == ["first"], "the analysis to end")
    assert prefetcher.take(first, ignored) is None


def test_job_taken_by_another_worker_is_skipped(services: Services, analyzer: Analyzer, make: Make) -> None:
    first, second = submit(services, "first"), submit(services, "second")
    prefetcher = make()
    prefetcher.start()
    until(lambda: analyzer.began == ["first"], "the analysis of the first")
    start(services, first)
    until(lambda: analyzer.began == ["first", "second"], "the analysis of the new next job")
    wait_for_end(prefetcher)
    assert prefetcher.take(second, ignored) is not None


def test_started_job_takes_over_a_running_analysis(services: Services, analyzer: Analyzer, make: Make) -> None:
    job, prefetcher = start_analysis(services, analyzer, make)
    prefetcher.pause()
    start(services, job)
    steps: Steps = []

    def report(stage: str, fraction: float) -> None:
        steps.append((stage, fraction))
        if steps.count(("curve", 0.5)) == 3:
            analyzer.may_end.set()

    analysis = prefetcher.take(job, report)
    assert analysis is not None
    assert analysis[1].encoder == "job"
    assert analyzer.began == ["job"]
    assert (steps[0], steps[-1]) == (("probe", 0.0), ("curve", 1.0))
    assert steps == sorted(steps, key=lambda step: (step[0] != "probe", step[1])), (
        "the steps are reported as the job's own"
    )


@pytest.mark.parametrize("error", [CanceledError("shutdown"), TimeoutError("too long")])
def test_stopped_job_ends_the_analysis_it_waits_for(
    services: Services, analyzer: Analyzer, make: Make, error: Exception
) -> None:
    job, prefetcher = start_analysis(services, analyzer, make)

    def report(stage: str, fraction: float) -> None:
        if stage == "curve":
            raise error

    with pytest.raises(type(error)):
        prefetcher.take(job, report)
    until(lambda: analyzer.ended == ["job"], "the analysis to end")


@pytest.mark.parametrize(
    "error", [InputError("video", "is none"), DeviceMemoryError("full"), RuntimeError("internal error")]
)
def test_errors_are_left_to_the_job(services: Services, analyzer: Analyzer, make: Make, error: Exception) -> None:
    job = submit(services, "job")
    prefetcher = make()
    analyzer.error = error
    prefetcher.start()
    until(lambda: analyzer.began, "the analysis to begin")
    wait_for_end(prefetcher)
    assert prefetcher.take(job, ignored) is None
    record = services.records.get(job)
    assert record is not None
    assert record.status is JobStatus.QUEUED


def test_lost_connection_to_redis_is_retried(
    services: Services, analyzer: Analyzer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit(services, "job")
    asked = 0
    get = services.records.get

    def unsteady(job_id: str) -> JobRecord | None:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise RedisConnectionError("gone for a moment")
        return get(job_id)

    monkeypatch.setattr(services.records, "get", unsteady)
    prefetcher = make()
    prefetcher.start()
    until(lambda: analyzer.began, "the analysis after the outage")
    wait_for_end(prefetcher)
    assert prefetcher.take(job, ignored) is not None


@pytest.mark.parametrize("how", ["canceled", "deleted"])
def test_analysis_of_a_canceled_or_deleted_job_ends(
    services: Services, analyzer: Analyzer, make: Make, how: str
) -> None:
    job, _ = start_analysis(services, analyzer, make)
    services.queue.rq.remove(job)
    if how == "canceled":
        services.queue.cancel(job)
    else:
        services.redis.delete(services.records.key(job))
    until(lambda: analyzer.ended == ["job"], "the analysis to end")


def test_foreign_job_is_not_analyzed(services: Services, analyzer: Analyzer, make: Make) -> None:
    prefetcher = make()
    prefetcher.start()
    foreign = Queue(QUEUE_NAME, connection=services.redis, serializer=JSONSerializer)
    foreign.enqueue_call("os.mkdir", args=("x",))
    wait_for_end(prefetcher)
    assert prefetcher.take("0" * 32, ignored) is None
    prefetcher.start()
    services.redis.delete(foreign.key)
    job = submit(services, "job")
    until(lambda: analyzer.began == ["job"], "the job that came later")
    wait_for_end(prefetcher)
    assert prefetcher.take(job, ignored) is not None


def test_no_analysis_starts_after_the_job(services: Services, analyzer: Analyzer, make: Make) -> None:
    prefetcher = make()
    prefetcher.start()
    wait_for_end(prefetcher)
    job = submit(services, "job")
    prefetcher.start()
    assert prefetcher.take(job, ignored) is None
    assert analyzer.began == []


def test_disable_ends_a_running_analysis(services: Services, analyzer: Analyzer, make: Make) -> None:
    job = submit(services, "job")
    never, prefetcher = make(on=False), make()
    never.start()
    assert running_threads() == []
    assert not prefetcher.disable()
    prefetcher = make()
    analyzer.may_end.clear()
    prefetcher.start()
    until(lambda: analyzer.began, "the analysis to begin")
    assert prefetcher.disable(), "an analysis was running"
    assert (running_threads(), analyzer.ended) == ([], ["job"])
    prefetcher.start()
    assert running_threads() == []
    assert prefetcher.take(job, ignored) is None
