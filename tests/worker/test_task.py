"""The task alone: the record after each possible outcome of a score."""

import threading
from pathlib import Path

import pytest
from rq import Retry
from rq.timeouts import JobTimeoutException
from structlog.testing import capture_logs

from jobs.record import JobError, JobStatus
from model_core.errors import DeviceMemoryError, InputError
from model_core.options import STAGES, ProgressCallback, ScoreOptions
from model_core.results import Variant
from service.dependencies import Services
from tests.processes import until
from tests.worker.fake_scorer import MODEL
from tests.worker.house import list_stored, read, results, submit_job
from tests.worker.tasks import WORKER, Scorer, good, new_runner, raise_error, run
from worker.attempt import Stop
from worker.scorer import VideoAnalysis
from worker.task import INTERNAL


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
def test_error_ends_the_job_with_its_reason(services: Services, job: str, error: Exception, expected: JobError) -> None:
    retry, record = run(services, job, raise_error(error))
    assert (retry, record.status, record.error) == (None, JobStatus.FAILED, expected)
    assert list_stored(services, job) == {"upload"}


def test_timeout_has_its_own_code(services: Services, job: str) -> None:
    _, record = run(services, job, raise_error(JobTimeoutException("Task exceeded maximum timeout value (1 seconds)")))
    assert record.error is not None
    assert (record.error.code, record.error.detail) == (
        "timeout",
        "Task exceeded maximum timeout value (1 seconds).",
    )


def test_missing_artifact_is_an_internal_error(services: Services, job: str) -> None:
    _, record = run(services, job, lambda out, _: {"video": out / "never.mp4"})
    assert record.error == INTERNAL


def test_good_job(services: Services, job: str) -> None:
    retry, record = run(services, job, good)
    assert (retry, record.status, record.progress, record.stage) == (None, JobStatus.COMPLETED, 1.0, None)
    assert record.model == MODEL
    assert results(services, job) == {Variant.VIDEO: b"scored"}


def test_log_names_the_model(services: Services, job: str) -> None:
    with capture_logs() as lines:
        run(services, job, good)
    (done,) = (line for line in lines if line["event"] == "job_completed")
    assert (done["model"], done["kind"]) == ("fake 1", "none")


def test_finished_job_is_not_run_again(services: Services, job: str) -> None:
    run(services, job, good)
    retry, record = run(services, job, raise_error(AssertionError("it must not be called")))
    assert (retry, record.status, record.attempt) == (None, JobStatus.COMPLETED, 1)


def test_unknown_job_is_skipped(services: Services) -> None:
    assert new_runner(services, Scorer(good)).run("0" * 32, WORKER) is None
    assert services.records.get("0" * 32) is None


def test_finished_job_keeps_its_last_results_only(services: Services, job: str, tmp_path: Path) -> None:
    (tmp_path / "old.mp4").write_bytes(b"of an attempt that was lost")
    services.store.publish(job, 7, {"video": tmp_path / "old.mp4"})
    run(services, job, good)
    assert list_stored(services, job) == {"upload", "results/1/video.mp4"}


@pytest.mark.parametrize("stage", STAGES)
def test_canceled_job_ends_at_its_next_step(services: Services, job: str, stage: str) -> None:
    def behave(out: Path, progress: ProgressCallback) -> dict[str, Path]:
        services.queue.cancel(job)
        progress(stage, 0.5)
        raise AssertionError("it must end here")

    retry, record = run(services, job, behave)
    assert (retry, record.status) == (None, JobStatus.CANCELED)


def test_job_canceled_at_the_very_end_leaves_no_results(services: Services, job: str) -> None:
    def behave(out: Path, progress: ProgressCallback) -> dict[str, Path]:
        files = good(out, progress)
        services.queue.cancel(job)
        return files

    _, record = run(services, job, behave)
    assert (record.status, record.artifacts) == (JobStatus.CANCELED, {})
    assert list_stored(services, job) == {"upload"}


def test_cancel_ends_the_job(services: Services, job: str) -> None:
    _, record = run(services, job, good, Stop("cancel"))
    assert record.status is JobStatus.CANCELED


def test_shutdown_requeues_the_job(services: Services, job: str) -> None:
    retry, record = run(services, job, good, Stop("shutdown"))
    assert isinstance(retry, Retry)
    assert (record.status, record.progress, record.started_at) == (JobStatus.QUEUED, 0.0, None)
    assert record.model is None, "another worker may have another one"


def test_second_signal_requeues_the_job_and_ends_the_process(services: Services, job: str) -> None:
    with pytest.raises(SystemExit):
        run(services, job, raise_error(SystemExit()))
    record = read(services, job)
    assert record.status is JobStatus.QUEUED


def test_superseded_attempt_changes_nothing(services: Services, job: str) -> None:
    def superseded(out: Path, progress: ProgressCallback) -> dict[str, Path]:
        services.records.requeue_lost(job, 1, 2, INTERNAL)
        services.records.start(job, MODEL, "another")
        return good(out, lambda *_: None)

    _, record = run(services, job, superseded)
    assert (record.status, record.attempt, record.worker) == (JobStatus.IN_PROGRESS, 2, "another")
    assert list_stored(services, job) == {"upload"}


class Crowded(Scorer):
    """Scorer without enough memory for a score and a prefetch, whose video is long, at the same time."""

    def __init__(self, fits_alone: bool) -> None:
        super().__init__(self._score)
        self.tries = 0
        self.prefetching, self.gone = threading.Event(), threading.Event()
        self._fits_alone = fits_alone

    def analyze(self, video: Path, prompt: str, options: ScoreOptions, progress: ProgressCallback) -> VideoAnalysis:
        if threading.current_thread() is not threading.main_thread():
            self.prefetching.set()
            try:
                while True:
                    progress("curve", 0.5)
            finally:
                self.gone.set()
        return super().analyze(video, prompt, options, progress)

    def _score(self, out: Path, progress: ProgressCallback) -> dict[str, Path]:
        self.tries += 1
        progress("generate", 0.0)
        assert self.prefetching.wait(60)
        if self._fits_alone and self.gone.is_set():
            return good(out, progress)
        raise DeviceMemoryError("take less")


@pytest.mark.parametrize("fits_alone", [True, False])
def test_prefetch_that_took_the_memory_fails_no_job(services: Services, job: str, fits_alone: bool) -> None:
    services.queue.rq.remove(job)
    submit_job(services)
    scorer = Crowded(fits_alone)
    runner = new_runner(services, scorer, prefetch=True)
    runner.run(job, WORKER)
    record = read(services, job)
    assert (scorer.tries, scorer.gone.is_set(), runner.prefetcher.on) == (2, True, False)
    if fits_alone:
        assert record.status is JobStatus.COMPLETED
    else:
        assert record.error == JobError(code="out_of_memory", detail="take less")


def test_next_job_is_prefetched_once_sampling_starts(services: Services, job: str) -> None:
    services.queue.rq.remove(job)
    after = submit_job(services)
    at_work: list[str] = []

    def behave(out: Path, progress: ProgressCallback) -> dict[str, Path]:
        for stage in STAGES[2:]:
            progress(stage, 0.5)
            if any(thread.name == "prefetch" for thread in threading.enumerate()):
                at_work.append(stage)
                until(lambda: len(scorer.threads) == 2, "the prefetch")
        return good(out, progress)

    scorer = Scorer(behave)
    runner = new_runner(services, scorer, prefetch=True)
    runner.run(job, WORKER)
    assert at_work == ["generate", "render", "mux"]
    runner.run(after, WORKER)
    assert scorer.threads == ["MainThread", "prefetch"], "a prefetched video is not analyzed again"
    record = read(services, after)
    assert record.status is JobStatus.COMPLETED
    runner.prefetcher.disable()
