"""The task alone: what it writes into the record for each way a score can end."""

import errno
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from rq import Retry
from rq.timeouts import JobTimeoutException
from structlog.testing import capture_logs

from jobs.artifact import Variant
from jobs.record import JobError, JobRecord, JobStatus
from jobs.store import ArtifactStore, StoreError
from model_core.curves import EventCurve
from model_core.errors import DeviceMemoryError, InputError
from model_core.media import VideoInfo
from model_core.options import STAGES, ProgressCallback, ScoreOptions
from service.dependencies import Services
from tests.processes import until
from tests.worker.fake_scorer import MODEL
from tests.worker.house import left_in_scratch, left_in_store, read, results, submitted
from worker.ahead import LookAhead
from worker.progress import Throttle, overall
from worker.scorer import Look
from worker.stop import Stop
from worker.task import INTERNAL, STORE, UPLOAD_MISSING, TaskRunner

WORKER = "0123456789ab-1-00000000"
Behave = Callable[[Path, ProgressCallback], dict[str, Path]]


class Scorer:
    """Does what the test says."""

    model = MODEL
    looks_ahead = False

    def __init__(self, behave: Behave) -> None:
        self._behave = behave
        self.lookers: list[str] = []

    def look(self, video: Path, prompt: str, options: ScoreOptions, progress: ProgressCallback) -> Look:
        self.lookers.append(threading.current_thread().name)
        curve = EventCurve(np.zeros(3), np.zeros(3), threading.current_thread().name)
        return VideoInfo(1.0, 64, 48, 0, 12.0, False, "h264", None, "mov", 12), curve

    def score(
        self, look: Look, video: Path, prompt: str, options: ScoreOptions, out: Path, progress: ProgressCallback
    ) -> dict[str, Path]:
        return self._behave(out, progress)


def new_runner(services: Services, scorer: Scorer, stop: Stop | None = None, *, ahead: bool = False) -> TaskRunner:
    looker = LookAhead(services.queue.rq, services.records, services.store, scorer, on=ahead)
    return TaskRunner(services.records, services.store, scorer, looker, stop or Stop(), max_retries=2)


@pytest.fixture
def job(services: Services) -> Iterator[str]:
    """A queued job with an upload."""
    job_id = submitted(services)
    yield job_id
    assert "upload" in left_in_store(services, job_id), "the upload is always kept"
    assert left_in_scratch(services.settings) == []


def run(services: Services, job_id: str, behave: Behave, stop: Stop | None = None) -> tuple[Retry | None, JobRecord]:
    retry = new_runner(services, Scorer(behave), stop).run(job_id, WORKER)
    return retry, read(services, job_id)


def good(out: Path, progress: ProgressCallback) -> dict[str, Path]:
    for stage in STAGES:
        progress(stage, 1.0)
    (out / "v.mp4").write_bytes(b"scored")
    return {"video": out / "v.mp4"}


def raising(error: BaseException) -> Behave:
    def behave(out: Path, progress: ProgressCallback) -> dict[str, Path]:
        (out / "half").write_bytes(b"half made")
        raise error

    return behave


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            InputError("video", "lasts too long", "too_long"),
            JobError(code="too_long", detail="lasts too long", field="video"),
        ),
        (DeviceMemoryError("take less"), JobError(code="out_of_memory", detail="take less")),
        (RuntimeError("secret"), INTERNAL),
        (MemoryError(), INTERNAL),
        (OSError("no such thing"), INTERNAL),
    ],
)
def test_an_error_ends_the_job_with_its_reason(
    services: Services, job: str, error: Exception, expected: JobError
) -> None:
    retry, record = run(services, job, raising(error))
    assert (retry, record.status, record.error) == (None, JobStatus.FAILED, expected)
    assert left_in_store(services, job) == {"upload"}


def test_a_time_out_says_so(services: Services, job: str) -> None:
    _, record = run(services, job, raising(JobTimeoutException("Task exceeded maximum timeout value (1 seconds)")))
    assert record.error is not None
    assert (record.error.code, record.error.detail) == (
        "timeout",
        "Task exceeded maximum timeout value (1 seconds).",
    )


def test_an_artifact_that_was_not_made_is_our_fault(services: Services, job: str) -> None:
    _, record = run(services, job, lambda out, _: {"video": out / "never.mp4"})
    assert record.error == INTERNAL


def test_a_good_job(services: Services, job: str) -> None:
    retry, record = run(services, job, good)
    assert (retry, record.status, record.progress, record.stage) == (None, JobStatus.COMPLETED, 1.0, None)
    assert record.model == MODEL
    assert results(services, job) == {Variant.VIDEO: b"scored"}


def test_the_log_names_the_model_that_made_it(services: Services, job: str) -> None:
    with capture_logs() as lines:
        run(services, job, good)
    (done,) = (line for line in lines if line["event"] == "job_completed")
    assert (done["model"], done["kind"]) == ("fake 1", "none")


def test_a_finished_job_is_not_run_again(services: Services, job: str) -> None:
    run(services, job, good)
    retry, record = run(services, job, raising(AssertionError("it must not be called")))
    assert (retry, record.status, record.attempt) == (None, JobStatus.COMPLETED, 1)


def test_an_unknown_job_is_skipped(services: Services) -> None:
    assert new_runner(services, Scorer(good)).run("0" * 32, WORKER) is None
    assert services.records.get("0" * 32) is None


def test_a_finished_job_keeps_its_last_results_only(services: Services, job: str, tmp_path: Path) -> None:
    (tmp_path / "old.mp4").write_bytes(b"of an attempt that was lost")
    services.store.publish(job, 7, {"video": tmp_path / "old.mp4"})
    run(services, job, good)
    assert left_in_store(services, job) == {"upload", "results/1/video.mp4"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_job_that_nobody_wants_any_more_ends_at_its_next_step(services: Services, job: str, stage: str) -> None:
    def behave(out: Path, progress: ProgressCallback) -> dict[str, Path]:
        services.queue.cancel(job)
        progress(stage, 0.5)
        raise AssertionError("it must end here")

    retry, record = run(services, job, behave)
    assert (retry, record.status) == (None, JobStatus.CANCELED)


def test_a_job_canceled_at_the_very_end_leaves_no_results(services: Services, job: str) -> None:
    def behave(out: Path, progress: ProgressCallback) -> dict[str, Path]:
        files = good(out, progress)
        services.queue.cancel(job)
        return files

    _, record = run(services, job, behave)
    assert (record.status, record.artifacts) == (JobStatus.CANCELED, {})
    assert left_in_store(services, job) == {"upload"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_a_full_disk_puts_the_job_back_and_in_the_end_gives_it_up(
    services: Services, job: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.attempt._FIRST_PAUSE_S", 0.0)
    full = raising(OSError(number, "no room"))
    for retries in (1, 2):
        retry, record = run(services, job, full)
        assert isinstance(retry, Retry)
        assert (record.status, record.retries, record.crashes) == (JobStatus.QUEUED, retries, 0)
    retry, record = run(services, job, full)
    assert (retry, record.status, record.error) == (None, JobStatus.FAILED, STORE)


def test_a_store_that_works_again_finishes_the_job(
    services: Services, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.attempt._FIRST_PAUSE_S", 0.0)
    with monkeypatch.context() as broken:
        broken.setattr(ArtifactStore, "publish", refused)
        run(services, job, good)
    _, record = run(services, job, good)
    assert (record.status, record.attempt, record.retries) == (JobStatus.COMPLETED, 2, 1)


def refused(*_: object) -> None:
    raise StoreError("it does not work")


@pytest.mark.parametrize("how", ["cancel", "shutdown"])
def test_a_job_that_waits_for_the_store_can_be_stopped(
    services: Services, job: str, how: Literal["cancel", "shutdown"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.attempt._FIRST_PAUSE_S", 3600.0)
    stop = Stop()

    def ask() -> None:
        until(lambda: read(services, job).stage == "waiting", "the pause")
        if how == "cancel":
            services.queue.cancel(job)
        else:
            stop.reason = how

    asking = threading.Thread(target=ask)
    asking.start()
    _, record = run(services, job, raising(OSError(errno.ENOSPC, "no room")), stop)
    asking.join()
    assert record.status is (JobStatus.CANCELED if how == "cancel" else JobStatus.QUEUED)
    assert record.retries == 0


def test_an_upload_that_is_gone_is_told(services: Services) -> None:
    job_id = submitted(services)
    services.store.remove(job_id)
    _, record = run(services, job_id, good)
    assert record.error == UPLOAD_MISSING


def test_an_outage_at_the_end_costs_no_job(services: Services, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    outage = [RedisConnectionError("gone")] * 3
    complete = services.records.complete

    def unsteady(*given: Any) -> None:
        if outage:
            raise outage.pop()
        complete(*given)

    monkeypatch.setattr(services.records, "complete", unsteady)
    _, record = run(services, job, good)
    assert (record.status, record.attempt, outage) == (JobStatus.COMPLETED, 1, [])


def test_a_worker_that_is_told_to_stop_does_not_wait_for_redis(
    services: Services, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = Stop()

    def gone(*_: object) -> None:
        stop.reason = "shutdown"
        raise RedisConnectionError("gone for good")

    monkeypatch.setattr(services.records, "complete", gone)
    with pytest.raises(RedisConnectionError):
        run(services, job, good, stop)


def test_a_cancel_ends_the_job(services: Services, job: str) -> None:
    _, record = run(services, job, good, Stop("cancel"))
    assert record.status is JobStatus.CANCELED


def test_a_shutdown_puts_the_job_back(services: Services, job: str) -> None:
    retry, record = run(services, job, good, Stop("shutdown"))
    assert isinstance(retry, Retry)
    assert (record.status, record.progress, record.started_at) == (JobStatus.QUEUED, 0.0, None)
    assert record.model is None, "another worker may have another one"


def test_a_second_signal_puts_it_back_and_ends_the_process(services: Services, job: str) -> None:
    with pytest.raises(SystemExit):
        run(services, job, raising(SystemExit()))
    record = read(services, job)
    assert record.status is JobStatus.QUEUED


def test_an_attempt_that_was_overtaken_changes_nothing(services: Services, job: str) -> None:
    def overtaken(out: Path, progress: ProgressCallback) -> dict[str, Path]:
        services.records.crashed(job, 1, 2, INTERNAL)
        services.records.start(job, MODEL, "another")
        return good(out, lambda *_: None)

    _, record = run(services, job, overtaken)
    assert (record.status, record.attempt, record.worker) == (JobStatus.IN_PROGRESS, 2, "another")
    assert left_in_store(services, job) == {"upload"}


class Crowded(Scorer):
    """Makes music while the next job is looked at, whose video is long, in a memory too small for both."""

    def __init__(self, fits_alone: bool) -> None:
        super().__init__(self._make)
        self.tries = 0
        self.looking, self.gone = threading.Event(), threading.Event()
        self._fits_alone = fits_alone

    def look(self, video: Path, prompt: str, options: ScoreOptions, progress: ProgressCallback) -> Look:
        if threading.current_thread() is not threading.main_thread():
            self.looking.set()
            try:
                while True:
                    progress("curve", 0.5)
            finally:
                self.gone.set()
        return super().look(video, prompt, options, progress)

    def _make(self, out: Path, progress: ProgressCallback) -> dict[str, Path]:
        self.tries += 1
        progress("generate", 0.0)
        assert self.looking.wait(60)
        if self._fits_alone and self.gone.is_set():
            return good(out, progress)
        raise DeviceMemoryError("take less")


@pytest.mark.parametrize("fits_alone", [True, False])
def test_a_look_ahead_that_took_the_memory_costs_no_job(services: Services, job: str, fits_alone: bool) -> None:
    services.queue.rq.remove(job)
    submitted(services)
    scorer = Crowded(fits_alone)
    runner = new_runner(services, scorer, ahead=True)
    runner.run(job, WORKER)
    record = read(services, job)
    assert (scorer.tries, scorer.gone.is_set(), runner.ahead.on) == (2, True, False)
    if fits_alone:
        assert record.status is JobStatus.COMPLETED
    else:
        assert record.error == JobError(code="out_of_memory", detail="take less")


def test_the_next_job_is_looked_at_once_music_is_made(services: Services, job: str) -> None:
    services.queue.rq.remove(job)
    after = submitted(services)
    at_work: list[str] = []

    def behave(out: Path, progress: ProgressCallback) -> dict[str, Path]:
        for stage in STAGES[2:]:
            progress(stage, 0.5)
            if any(thread.name == "look-ahead" for thread in threading.enumerate()):
                at_work.append(stage)
                until(lambda: len(scorer.lookers) == 2, "the look ahead")
        return good(out, progress)

    scorer = Scorer(behave)
    runner = new_runner(services, scorer, ahead=True)
    runner.run(job, WORKER)
    assert at_work == ["generate", "render", "mux"]
    runner.run(after, WORKER)
    assert scorer.lookers == ["MainThread", "look-ahead"], "what was seen is not looked at again"
    record = read(services, after)
    assert record.status is JobStatus.COMPLETED
    runner.ahead.turn_off()


def test_progress_only_grows_and_ends_at_one() -> None:
    steps = [overall(stage, fraction / 4) for stage in STAGES for fraction in range(5)]
    assert steps == sorted(steps)
    assert steps[0] == 0.0
    assert steps[-1] == pytest.approx(1.0)
    assert overall("mux", 7.0) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="not in tuple"):
        overall("nonsense", 0.5)


def test_a_new_stage_always_passes_the_throttle() -> None:
    throttle = Throttle()
    assert [throttle.lets_pass(stage) for stage in ("probe", "curve", "probe")] == [True, True, True]
