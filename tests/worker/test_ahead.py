"""The look at the next job's video while this one's music is made."""

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
from tests.worker.house import submitted
from worker.prefetch import Prefetcher
from worker.scorer import VideoAnalysis

INFO = VideoInfo(1.0, 64, 48, 0, 12.0, False, "h264", None, "mov", 12)
Steps = list[tuple[str, float]]


class Seer:
    """Sees something else in every video, once it may; notes which looks began, and which were ended."""

    model = MODEL
    prefetches = True

    def __init__(self) -> None:
        self.may = threading.Event()
        self.may.set()
        self.error: Exception | None = None
        self.began: list[str] = []
        self.ended: list[str] = []

    def analyze(self, video: Path, prompt: str, options: ScoreOptions, progress: ProgressCallback) -> VideoAnalysis:
        name = video.read_text()
        self.began.append(name)
        try:
            progress("probe", 0.0)
            while not self.may.wait(0.01):
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
        raise AssertionError("a look is no score")


@pytest.fixture
def seer() -> Seer:
    return Seer()


Make = Callable[..., Prefetcher]


@pytest.fixture
def make(services: Services, seer: Seer) -> Iterator[Make]:
    """Makes look-aheads, and sees to it that no thread of theirs is left."""
    made: list[Prefetcher] = []

    def make(*, on: bool = True) -> Prefetcher:
        made.append(Prefetcher(services.queue.rq, services.records, services.store, seer, on=on))
        return made[-1]

    yield make
    for ahead in made:
        ahead.turn_off()
    assert looking() == []


def looking() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "look-ahead"]


def submit(services: Services, name: str) -> str:
    """A queued job whose upload holds its name."""
    return submitted(services, name.encode())


def start(services: Services, job_id: str) -> None:
    """Takes a job out of the queue as a worker does."""
    services.queue.rq.remove(job_id)
    services.records.start(job_id, MODEL, "another")


def ignored(stage: str, fraction: float) -> None:
    """A report that nobody hears."""


def rested(ahead: Prefetcher) -> None:
    """Waits for what has begun to end."""
    ahead.rest()
    until(lambda: not looking(), "the look to end")


def under_way(services: Services, seer: Seer, make: Make) -> tuple[str, Prefetcher]:
    """A job, and the look ahead at it, which has begun and may not end yet."""
    job = submit(services, "job")
    ahead = make()
    seer.may.clear()
    ahead.begin()
    until(lambda: seer.began, "the look to begin")
    return job, ahead


def test_the_next_job_is_looked_at_and_not_taken(services: Services, seer: Seer, make: Make) -> None:
    first, second = submit(services, "first"), submit(services, "second")
    ahead = make()
    assert ahead.take(first, ignored) is None
    assert looking() == [], "nothing begins before the job under way makes music"
    ahead.begin()
    ahead.begin()
    until(lambda: seer.began, "the look to begin")
    rested(ahead)
    assert services.queue.position(first) == 1
    record = services.records.get(first)
    assert record is not None
    assert (record.status, record.attempt, record.stage) == (JobStatus.QUEUED, 0, None)
    start(services, first)
    steps: Steps = []
    look = ahead.take(first, lambda *step: steps.append(step))
    assert look is not None
    assert (look[0], look[1].encoder) == (INFO, "first")
    assert steps == [("probe", 0.0), ("curve", 1.0)]
    assert ahead.take(first, ignored) is None, "a look serves once"
    ahead.begin()
    until(lambda: seer.began == ["first", "second"], "the look at the one after it")
    rested(ahead)
    assert ahead.take(second, ignored) is not None


def test_a_look_at_another_job_is_ended_and_forgotten(services: Services, seer: Seer, make: Make) -> None:
    first, second = submit(services, "first"), submit(services, "second")
    ahead = make()
    seer.may.clear()
    ahead.begin()
    until(lambda: seer.began, "the look to begin")
    assert ahead.take(second, ignored) is None
    until(lambda: seer.ended == ["first"], "the look to end")
    assert ahead.take(first, ignored) is None


def test_a_job_that_another_worker_took_is_passed_over(services: Services, seer: Seer, make: Make) -> None:
    first, second = submit(services, "first"), submit(services, "second")
    ahead = make()
    ahead.begin()
    until(lambda: seer.began == ["first"], "the look at the first")
    start(services, first)
    until(lambda: seer.began == ["first", "second"], "the look at the one that is next now")
    rested(ahead)
    assert ahead.take(second, ignored) is not None


def test_the_job_that_starts_takes_over_the_look_under_way(services: Services, seer: Seer, make: Make) -> None:
    job, ahead = under_way(services, seer, make)
    ahead.rest()
    start(services, job)
    steps: Steps = []

    def report(stage: str, fraction: float) -> None:
        steps.append((stage, fraction))
        if steps.count(("curve", 0.5)) == 3:
            seer.may.set()

    look = ahead.take(job, report)
    assert look is not None
    assert look[1].encoder == "job"
    assert seer.began == ["job"]
    assert (steps[0], steps[-1]) == (("probe", 0.0), ("curve", 1.0))
    assert steps == sorted(steps, key=lambda step: (step[0] != "probe", step[1])), "its steps are the job's own"


@pytest.mark.parametrize("error", [CanceledError("shutdown"), TimeoutError("too long")])
def test_a_job_that_stops_ends_the_look_it_waits_for(
    services: Services, seer: Seer, make: Make, error: Exception
) -> None:
    job, ahead = under_way(services, seer, make)

    def report(stage: str, fraction: float) -> None:
        if stage == "curve":
            raise error

    with pytest.raises(type(error)):
        ahead.take(job, report)
    until(lambda: seer.ended == ["job"], "the look to end")


@pytest.mark.parametrize(
    "error", [InputError("video", "is none"), DeviceMemoryError("full"), RuntimeError("a fault of ours")]
)
def test_what_goes_wrong_is_left_to_the_job(services: Services, seer: Seer, make: Make, error: Exception) -> None:
    job = submit(services, "job")
    ahead = make()
    seer.error = error
    ahead.begin()
    until(lambda: seer.began, "the look to begin")
    rested(ahead)
    assert ahead.take(job, ignored) is None
    record = services.records.get(job)
    assert record is not None
    assert record.status is JobStatus.QUEUED


def test_a_redis_that_does_not_answer_is_asked_again(
    services: Services, seer: Seer, make: Make, monkeypatch: pytest.MonkeyPatch
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
    ahead = make()
    ahead.begin()
    until(lambda: seer.began, "the look after the outage")
    rested(ahead)
    assert ahead.take(job, ignored) is not None


@pytest.mark.parametrize("how", ["canceled", "deleted"])
def test_a_job_that_nobody_waits_for_is_looked_at_no_longer(
    services: Services, seer: Seer, make: Make, how: str
) -> None:
    job, _ = under_way(services, seer, make)
    services.queue.rq.remove(job)
    if how == "canceled":
        services.queue.cancel(job)
    else:
        services.redis.delete(services.records.key(job))
    until(lambda: seer.ended == ["job"], "the look to end")


def test_what_is_no_job_of_ours_is_not_looked_at(services: Services, seer: Seer, make: Make) -> None:
    ahead = make()
    ahead.begin()
    foreign = Queue(QUEUE_NAME, connection=services.redis, serializer=JSONSerializer)
    foreign.enqueue_call("os.mkdir", args=("x",))
    rested(ahead)
    assert ahead.take("0" * 32, ignored) is None
    ahead.begin()
    services.redis.delete(foreign.key)
    job = submit(services, "job")
    until(lambda: seer.began == ["job"], "the job that came later")
    rested(ahead)
    assert ahead.take(job, ignored) is not None


def test_after_the_job_no_look_begins(services: Services, seer: Seer, make: Make) -> None:
    ahead = make()
    ahead.begin()
    rested(ahead)
    job = submit(services, "job")
    ahead.begin()
    assert ahead.take(job, ignored) is None
    assert seer.began == []


def test_turned_off_it_gives_up_what_it_has(services: Services, seer: Seer, make: Make) -> None:
    job = submit(services, "job")
    never, ahead = make(on=False), make()
    never.begin()
    assert looking() == []
    assert not ahead.turn_off()
    ahead = make()
    seer.may.clear()
    ahead.begin()
    until(lambda: seer.began, "the look to begin")
    assert ahead.turn_off(), "a look was under way"
    assert (looking(), seer.ended) == ([], ["job"])
    ahead.begin()
    assert looking() == []
    assert ahead.take(job, ignored) is None
