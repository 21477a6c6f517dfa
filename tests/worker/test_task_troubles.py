"""The task when the store or Redis does not work: the job waits, and fails only after many retries."""

import errno
import threading
from typing import Any, Literal

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rq import Retry

from jobs.record import JobStatus
from jobs.store import ArtifactStore, StoreError
from service.dependencies import Services
from tests.processes import until
from tests.worker.fake_scorer import MODEL
from tests.worker.house import read, submit_job
from tests.worker.tasks import good, raise_error, run
from worker.attempt import Attempt, Stop, Throttle
from worker.task import STORE, UPLOAD_MISSING


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_full_disk_requeues_the_job_and_fails_it_in_the_end(
    services: Services, job: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.attempt._FIRST_PAUSE_S", 0.0)
    full = raise_error(OSError(number, "no room"))
    for retries in (1, 2):
        retry, record = run(services, job, full)
        assert isinstance(retry, Retry)
        assert (record.status, record.retries, record.crashes) == (JobStatus.QUEUED, retries, 0)
    retry, record = run(services, job, full)
    assert (retry, record.status, record.error) == (None, JobStatus.FAILED, STORE)


def test_store_that_works_again_finishes_the_job(services: Services, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.attempt._FIRST_PAUSE_S", 0.0)
    with monkeypatch.context() as broken:
        broken.setattr(ArtifactStore, "publish", refused)
        run(services, job, good)
    _, record = run(services, job, good)
    assert (record.status, record.attempt, record.retries) == (JobStatus.COMPLETED, 2, 1)


def refused(*_: object) -> None:
    raise StoreError("it does not work")


@pytest.mark.parametrize("how", ["cancel", "shutdown"])
def test_job_that_waits_for_the_store_can_be_stopped(
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
    _, record = run(services, job, raise_error(OSError(errno.ENOSPC, "no room")), stop)
    asking.join()
    assert record.status is (JobStatus.CANCELED if how == "cancel" else JobStatus.QUEUED)
    assert record.retries == 0


def test_missing_upload_fails_the_job(services: Services) -> None:
    job_id = submit_job(services)
    services.store.remove(job_id)
    _, record = run(services, job_id, good)
    assert record.error == UPLOAD_MISSING


def test_outage_at_the_end_costs_no_job(services: Services, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    outage = [RedisConnectionError("gone")] * 3
    complete = services.records.complete

    def unsteady(*given: Any) -> None:
        if outage:
            raise outage.pop()
        complete(*given)

    monkeypatch.setattr(services.records, "complete", unsteady)
    _, record = run(services, job, good)
    assert (record.status, record.attempt, outage) == (JobStatus.COMPLETED, 1, [])


def test_time_limits_do_not_apply_to_writing_the_outcome(
    services: Services, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    complete = services.records.complete

    def unsteady(*given: Any) -> None:
        happened.append("complete")
        if len(happened) == 2:
            raise RedisConnectionError("gone")
        complete(*given)

    monkeypatch.setattr(services.records, "complete", unsteady)
    run(services, job, good, before_outcome=lambda: happened.append("before"))
    assert happened == ["before", "complete", "complete"]


def test_progress_is_not_written_to_a_hanging_redis_until_the_lease_is_renewed(
    services: Services, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def hang(*_: object) -> None:
        asked.append(1)
        raise RedisTimeoutError("no answer")

    monkeypatch.setattr(services.records, "advance", hang)
    attempt = Attempt.begin(job, MODEL, "somebody", services.records, Stop(), lambda: None)
    for _ in range(3):
        attempt.advance("generate", 0.5)
    assert len(asked) == 1
    attempt.renew_lease()
    attempt.advance("generate", 0.6)
    assert len(asked) == 2


def test_stopping_worker_does_not_wait_for_redis(services: Services, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = Stop()

    def gone(*_: object) -> None:
        stop.reason = "shutdown"
        raise RedisConnectionError("gone for good")

    monkeypatch.setattr(services.records, "complete", gone)
    with pytest.raises(RedisConnectionError):
        run(services, job, good, stop)


def test_new_stage_always_passes_the_throttle() -> None:
    throttle = Throttle()
    assert [throttle.allows(stage) for stage in ("probe", "curve", "probe")] == [True, True, True]
