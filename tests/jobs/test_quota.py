"""Quota of the store: the oldest files make room, and no more than needed."""

import subprocess
import sys
from functools import partial

import pytest
from redis import Redis

from jobs.infra.redis_connection import hold_lock
from jobs.store import StoreError, StoreFullError
from jobs.store.quota import MAX_FAILURES, ExpiredFiles
from tests.jobs.house import RESULT, UPLOAD, House, Make

LOCK = "v2m:store:making-room"


def break_removal(house: House, patch: pytest.MonkeyPatch, only: str | None = None) -> None:
    real = {name: getattr(house.store, name) for name in ("remove", "remove_upload")}

    def broken(name: str, job_id: str) -> None:
        if only in (None, job_id):
            raise StoreError("SlowDown")
        real[name](job_id)

    for name in real:
        patch.setattr(house.store, name, partial(broken, name))


def expired(house: House, jobs: list[str]) -> list[str]:
    return [job_id for job_id in jobs if house.record(job_id).expired_at is not None]


def test_oldest_uploads_make_room(make: Make) -> None:
    house = make(store_max_bytes=3500)
    first, second, third = (house.completed() for _ in range(3))  # 1100 bytes each
    house.retention.make_room(200)  # 3500 exactly
    assert house.retention.used_bytes() == 3500
    waiting = house.queued(200)
    assert len(house.stored()) == 4
    house.retention.make_room(150)
    left = {job_id: job.upload_bytes for job_id, job in house.stored().items()}
    assert left == {first: 0, second: 0, third: UPLOAD, waiting: 200}
    assert house.retention.used_bytes() == 3300 + 150


def test_results_go_when_no_upload_is_left(make: Make) -> None:
    house = make(store_max_bytes=3500)
    first, failed, second = house.completed(), house.failed(), house.completed()
    house.retention.make_room(2000)
    assert set(house.stored()) == {second}
    assert house.record(first).expired_at is not None
    assert house.record(failed).expired_at is None, "it had no files left that could make room"
    assert house.record(second).expired_at is None
    assert house.retention.used_bytes() == RESULT + 2000


def test_upload_that_cannot_fit_removes_nothing(make: Make) -> None:
    house = make(store_max_bytes=2000)
    house.completed()
    house.queued(500)
    before, used = house.stored(), 1600
    for size in (1600, 2001):
        with pytest.raises(StoreFullError, match="quota of 2000 bytes"):
            house.retention.make_room(size)
        assert (house.stored(), house.retention.used_bytes()) == (before, used)
    house.retention.make_room(400)


def test_unused_reservation_is_released(make: Make) -> None:
    house = make(store_max_bytes=1000)
    house.retention.make_room(1000)
    house.retention.release(1000)
    house.retention.make_room(600)
    house.retention.release(600)
    assert house.retention.used_bytes() == 0


def test_quota_is_enforced_without_an_upload(make: Make) -> None:
    house = make(store_max_bytes=2200)
    first, second, third = (house.completed() for _ in range(3))
    gone = house.retention.expire()
    assert gone == [*(ExpiredFiles(job_id, "upload", "quota") for job_id in (first, second, third)),
                    ExpiredFiles(first, "all", "quota")]  # fmt: skip
    assert house.retention.used_bytes() == 2 * RESULT
    assert house.retention.expire() == []


def test_store_that_removes_nothing_costs_one_job_its_results(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    house = make(store_max_bytes=10 * (UPLOAD + RESULT))
    jobs = [house.completed() for _ in range(10)]
    with monkeypatch.context() as patch:
        break_removal(house, patch)
        with pytest.raises(StoreFullError):
            house.retention.make_room(RESULT)
        assert [house.record(job_id).expired_at is not None for job_id in jobs] == [False] * 10, "its uploads failed"
        for job_id in jobs:
            house.records.mark_upload_removed(job_id)
        with pytest.raises(StoreFullError):
            house.retention.make_room(RESULT)
        assert expired(house, jobs) == jobs[:1]
        assert house.retention.used_bytes() == 10 * (UPLOAD + RESULT), "it is still there"
    house.retention.make_room(RESULT)
    assert set(house.stored()) == set(jobs[1:]), "what should have gone before makes room first"
    assert expired(house, jobs) == jobs[:1]


def test_no_more_results_expire_once_several_removals_failed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    house = make(store_max_bytes=1)
    jobs = [house.completed() for _ in range(2 * MAX_FAILURES)]
    for job_id in jobs:
        house.records.mark_upload_removed(job_id)
    with monkeypatch.context() as patch:
        break_removal(house, patch)
        for _ in range(2 * MAX_FAILURES):
            assert house.retention.expire() == []
        assert expired(house, jobs) == jobs[:MAX_FAILURES]
    assert {found.job_id for found in house.retention.expire()} == set(jobs)
    assert house.retention.used_bytes() == 0


def test_one_file_that_cannot_be_removed_does_not_block_others(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    house = make(store_max_bytes=2 * (UPLOAD + RESULT))
    stuck, other = house.completed(), house.completed()
    break_removal(house, monkeypatch, stuck)
    with pytest.raises(StoreFullError):
        house.retention.make_room(RESULT)
    house.retention.make_room(RESULT)
    assert set(house.stored()) == {stuck}
    assert expired(house, [stuck, other]) == [stuck, other]


def test_lock_of_a_killed_process_expires_soon(make: Make, redis: Redis, redis_url: str) -> None:
    house = make(store_max_bytes=UPLOAD)
    house.failed()
    dies = (
        "import os; from jobs.infra.redis_connection import connect, hold_lock\n"
        f"with hold_lock(connect({redis_url!r}), {LOCK!r}, 0) as alone:\n"
        "    os.kill(os.getpid(), 9 if alone else 0)"
    )
    assert subprocess.run([sys.executable, "-c", dies], check=False).returncode == -9
    assert 0 < redis.pttl(LOCK) <= 15_000, "less than an upload waits for it"
    redis.pexpire(LOCK, 1)  # which is what time does
    house.retention.make_room(UPLOAD)
    assert house.stored() == {}


def test_upload_waits_for_another_to_make_room_and_then_is_refused(
    make: Make, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = make(store_max_bytes=UPLOAD)
    failed = house.failed()
    monkeypatch.setattr("jobs.store.quota._LOCK_WAIT_S", 0)
    with hold_lock(redis, LOCK, 0), pytest.raises(StoreFullError, match="takes long"):
        house.retention.make_room(UPLOAD)
    assert set(house.stored()) == {failed}
