"""Removal of files: the record is marked first, and failed removals are retried."""

import time

import pytest
from redis import Redis

from jobs.store import StoreError
from jobs.store.quota import MAX_FAILURES, ExpiredFiles
from tests.jobs.house import Make

TO_REMOVE = "v2m:to-remove"


def test_record_is_marked_before_the_files_are_removed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    house = make(retention_s=1)
    job_id = house.completed()
    seen = []
    real = house.store.remove

    def noted(name: str) -> None:
        seen.append((name, house.record(name).expired_at is not None, house.record(name).artifacts))
        real(name)

    monkeypatch.setattr(house.store, "remove", noted)
    house.retention.expire(time.time() + 10)
    assert seen == [(job_id, True, {})]


def test_file_that_cannot_be_removed_does_not_block_others(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    house = make(retention_s=1)
    stuck, other = house.completed(), house.completed()
    real = house.store.remove

    def broken(job_id: str) -> None:
        if job_id == stuck:
            raise StoreError("it is stuck")
        real(job_id)

    with monkeypatch.context() as patch:
        patch.setattr(house.store, "remove", broken)
        assert house.retention.expire(time.time() + 10) == [ExpiredFiles(other, "all", "age")]
    said = house.record(stuck).expired_at
    assert (set(house.stored()), said is not None) == ({stuck}, True)
    assert house.retention.expire() == [ExpiredFiles(stuck, "all", "expired before")]
    assert house.stored() == {}
    assert house.record(stuck).expired_at == said
    assert house.retention.expire() == []


def test_files_of_a_lost_record_are_removed_later(make: Make, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    house = make(retention_s=1)
    job_id = house.completed()
    redis.delete(house.records.key(job_id))
    with monkeypatch.context() as patch:
        patch.setattr(house.store, "remove", refuse)
        assert house.retention.expire(time.time() + 10) == []
    assert house.records.list_kept("results") == []
    assert house.retention.expire() == [ExpiredFiles(job_id, "all", "expired before")]
    assert house.stored() == {}


def test_process_that_died_before_marking_the_record(make: Make, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    house = make(retention_s=1)
    job_id = house.completed()
    with monkeypatch.context() as patch:
        patch.setattr(house.records, "mark_expired", stop)
        with pytest.raises(KeyboardInterrupt):
            house.retention.expire(time.time() + 10)
    assert house.record(job_id).expired_at is None
    assert house.retention.expire() == [ExpiredFiles(job_id, "all", "expired before")]
    assert house.record(job_id).expired_at is not None
    assert redis.zcard(TO_REMOVE) == 0


def test_every_failed_removal_is_retried_in_turn(make: Make, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    house = make(retention_s=1)
    jobs = [house.completed() for _ in range(2 * MAX_FAILURES)]
    tries: list[str] = []

    def noted(job_id: str) -> None:
        tries.append(job_id)
        raise StoreError("it is stuck")

    monkeypatch.setattr(house.store, "remove", noted)
    house.retention.expire(time.time() + 10)
    assert tries == jobs
    tries.clear()
    house.retention.expire()
    assert tries == jobs[:MAX_FAILURES], "then the store seems not to work"
    house.retention.expire()
    assert tries == jobs


def refuse(_job_id: str) -> None:
    raise StoreError("it is stuck")


def stop(_job_id: str) -> None:
    raise KeyboardInterrupt
