"""The task alone: what it writes into the record for each way a score can end."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rq import Retry
from rq.timeouts import JobTimeoutException

from jobs.record import JobError, JobRecord, JobStatus
from model_core.errors import InputError
from model_core.options import STAGES, ProgressCallback, ScoreOptions
from service.dependencies import Services
from worker.progress import Throttle, overall
from worker.task import INTERNAL, Stop, TaskRunner

Behave = Callable[[Path, ProgressCallback], dict[str, Path]]


class Scorer:
    """Does what the test says."""

    def __init__(self, behave: Behave) -> None:
        self._behave = behave

    def score(
        self, video: Path, prompt: str, options: ScoreOptions, out: Path, progress: ProgressCallback
    ) -> dict[str, Path]:
        return self._behave(out, progress)


@pytest.fixture
def job(services: Services) -> Iterator[str]:
    """A queued job with an upload."""
    record = JobRecord.new("", ScoreOptions(), {})
    (services.settings.store_dir / "jobs" / record.id).mkdir()
    services.store.upload(record.id).write_bytes(b"video")
    services.queue.submit(record)
    yield record.id
    assert services.store.upload(record.id).is_file(), "the upload is always kept"
    assert list((services.settings.store_dir / "work").iterdir()) == []


def run(services: Services, job_id: str, behave: Behave, stop: Stop | None = None) -> tuple[Retry | None, JobRecord]:
    retry = TaskRunner(services.records, services.store, Scorer(behave), stop or Stop()).run(job_id)
    record = services.records.get(job_id)
    assert record is not None
    return retry, record


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
        (RuntimeError("secret"), INTERNAL),
        (MemoryError(), INTERNAL),
        (OSError("disk full"), INTERNAL),
    ],
)
def test_an_error_ends_the_job_with_its_reason(
    services: Services, job: str, error: Exception, expected: JobError
) -> None:
    retry, record = run(services, job, raising(error))
    assert (retry, record.status, record.error) == (None, JobStatus.FAILED, expected)
    assert services.store.artifacts(job) == {}


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
    assert [path.read_bytes() for path in services.store.artifacts(job).values()] == [b"scored"]


def test_a_finished_job_is_not_run_again(services: Services, job: str) -> None:
    run(services, job, good)
    retry, record = run(services, job, raising(AssertionError("it must not be called")))
    assert (retry, record.status, record.attempt) == (None, JobStatus.COMPLETED, 1)


def test_an_unknown_job_is_skipped(services: Services) -> None:
    runner = TaskRunner(services.records, services.store, Scorer(good), Stop())
    assert runner.run("0" * 32) is None
    assert services.records.get("0" * 32) is None


def test_a_cancel_ends_the_job(services: Services, job: str) -> None:
    _, record = run(services, job, good, Stop("cancel"))
    assert record.status is JobStatus.CANCELED


def test_a_shutdown_puts_the_job_back(services: Services, job: str) -> None:
    retry, record = run(services, job, good, Stop("shutdown"))
    assert isinstance(retry, Retry)
    assert (record.status, record.progress, record.started_at) == (JobStatus.QUEUED, 0.0, None)


def test_a_second_signal_puts_it_back_and_ends_the_process(services: Services, job: str) -> None:
    with pytest.raises(SystemExit):
        run(services, job, raising(SystemExit()))
    record = services.records.get(job)
    assert record is not None
    assert record.status is JobStatus.QUEUED


def test_an_attempt_that_was_overtaken_changes_nothing(services: Services, job: str) -> None:
    def overtaken(out: Path, progress: ProgressCallback) -> dict[str, Path]:
        services.records.start(job)
        return good(out, progress)

    _, record = run(services, job, overtaken)
    assert (record.status, record.attempt) == (JobStatus.IN_PROGRESS, 2)
    assert services.store.artifacts(job) == {}


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
