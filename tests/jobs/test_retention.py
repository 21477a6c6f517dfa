"""Retention of files: by age, and of files without a record; never those of open jobs."""

import time
from pathlib import Path

import pytest
from redis import Redis

from jobs.infra.redis_connection import hold_lock
from jobs.infra.settings import Settings
from jobs.store import StoreFullError
from jobs.store.quota import ExpiredFiles
from tests.conftest import MakeSettings
from tests.jobs.house import DAY_S, RESULT, UPLOAD, House, Make, age, job_folder, too_deep


def test_uploads_expire_before_results_and_the_record_stays(make: Make, redis: Redis) -> None:
    house = make(upload_retention_s=100, retention_s=1000, record_retention_s=5000)
    done, failed, waiting = house.completed(), house.failed(), house.queued()
    now = time.time()
    assert house.retention.expire(now + 50) == []
    gone = house.retention.expire(now + 150)
    assert set(gone) == {ExpiredFiles(job_id, "upload", "age") for job_id in (done, failed)}
    assert {job.id: (job.upload_bytes, job.bytes) for job in house.store.list_jobs()} == {
        done: (0, RESULT),
        waiting: (UPLOAD, UPLOAD),
    }
    assert house.record(done).artifacts == house.made
    assert house.retention.expire(now + 500) == []
    gone = house.retention.expire(now + 1500)
    assert set(gone) == {ExpiredFiles(job_id, "all", "age") for job_id in (done, failed)}
    assert set(house.stored()) == {waiting}
    for job_id in (done, failed):
        record = house.record(job_id)
        assert (record.artifacts, record.expired_at is not None) == ({}, True)
        assert 4990 < redis.ttl(house.records.key(job_id)) <= 5000
    assert house.retention.expire(now + 1500) == []


def test_files_of_open_jobs_never_expire(make: Make) -> None:
    house = make(store_max_bytes=1)
    house.queued(), house.in_progress()
    before = house.stored()
    assert house.retention.expire(time.time() + 1e9) == []
    assert house.stored() == before


def test_without_a_quota_there_is_always_room(make: Make) -> None:
    house = make()
    house.retention.make_room(10**15)
    house.retention.release(10**15)
    assert house.retention.used_bytes() is None
    house.completed()
    house.retention.expire()
    assert house.retention.used_bytes() == UPLOAD + RESULT


def test_disk_that_is_nearly_full_takes_no_upload(redis: Redis, make_settings: MakeSettings) -> None:
    house = House(redis, make_settings(min_free_bytes=10**18))
    with pytest.raises(StoreFullError, match="must stay free"):
        house.retention.make_room(0)


def test_files_without_a_record_are_removed_after_a_day(make: Make, tmp_path: Path) -> None:
    house = make()
    orphan, fresh, waiting, done, working = "a" * 32, "b" * 32, house.queued(), house.completed(), house.in_progress()
    for job_id in (orphan, fresh):
        house.upload(job_id)
    for job_id in (orphan, waiting, done, working):
        age(job_folder(tmp_path, job_id), 2 * DAY_S)
    assert house.retention.expire() == [ExpiredFiles(orphan, "all", "unreferenced")]
    assert set(house.stored()) == {fresh, waiting, done, working}
    assert house.retention.used_bytes() == 3 * UPLOAD + UPLOAD + 2 * RESULT
    assert house.retention.expire(time.time() + 3600) == [], "the store is scanned once an hour"


def test_results_of_failed_attempts_are_removed(make: Make, tmp_path: Path) -> None:
    house = make()
    done, failed, working = house.completed(), house.failed(), house.in_progress()
    for job_id in (done, failed, working):
        house.publish(job_id, 7)
        age(job_folder(tmp_path, job_id), 2 * DAY_S)
    gone = house.retention.expire()
    assert {(item.job_id, item.what) for item in gone} == {(done, "stray results"), (failed, "stray results")}
    attempts = {job_id: set(job.attempts) for job_id, job in house.stored().items()}
    assert attempts == {done: {1}, failed: set(), working: {1, 7}}


def test_lost_record_is_removed_from_the_indexes(make: Make, redis: Redis) -> None:
    house = make(retention_s=1, upload_retention_s=1)
    job_id = house.completed()
    redis.delete(house.records.key(job_id))
    house.retention.expire(time.time() + 10)
    assert house.stored() == {}
    assert house.records.list_kept("results") == house.records.list_kept("uploads") == []


def test_scratch_is_swept(make: Make, tmp_path: Path) -> None:
    house = make()
    left = tmp_path / "state" / "store" / "scratch" / "0123456789ab-1-00000000"
    left.mkdir()
    (left / "part").write_text("x")
    age(left, 2 * DAY_S)
    house.retention.expire()
    assert not (left / "part").exists()


def test_in_a_bucket(redis: Redis, s3_settings: Settings) -> None:
    house = House(redis, s3_settings.model_copy(update={"store_max_bytes": 2500, "retention_s": 100}))
    first, second = house.completed(), house.completed()
    house.retention.make_room(400)
    assert (house.stored()[first].upload_bytes, house.stored()[second].upload_bytes) == (0, UPLOAD)
    assert house.retention.expire(time.time() + 200) == [
        ExpiredFiles(job_id, "all", "age") for job_id in (first, second)
    ]
    assert house.stored() == {}
    house.store.close()


def test_disk_that_is_nearly_full_and_a_bucket(redis: Redis, s3_settings: Settings) -> None:
    house = House(redis, s3_settings.model_copy(update={"min_free_bytes": 10**18}))
    with pytest.raises(StoreFullError, match="must stay free"):
        house.retention.check_disk()  # a bucket has room, and yet uploads lie in the scratch first
    house.store.close()


def test_bytes_to_be_written_count_as_used(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    house = make(min_free_bytes=700)
    monkeypatch.setattr(house.store.scratch, "free_bytes", lambda: 1000)
    house.retention.check_disk(300)
    with pytest.raises(StoreFullError, match="699 bytes would be free"):
        house.retention.check_disk(301)


def test_other_files_expire_while_another_process_makes_room(make: Make, redis: Redis, tmp_path: Path) -> None:
    house = make(store_max_bytes=1, retention_s=100)
    old, orphan, fresh = house.completed(), "a" * 32, house.completed()
    redis.zadd("v2m:kept:results", {old: time.time() - 200})
    house.upload(orphan)
    age(job_folder(tmp_path, orphan), 2 * DAY_S)
    with hold_lock(redis, "v2m:store:making-room", wait_s=0) as alone:
        assert alone
        gone = house.retention.expire()
    assert gone == [ExpiredFiles(old, "all", "age"), ExpiredFiles(orphan, "all", "unreferenced")]
    assert set(house.stored()) == {fresh}, "what the quota asks for is left to the other"
    assert ExpiredFiles(fresh, "all", "quota") in house.retention.expire()


def test_unreadable_scratch_folder_does_not_block_others(make: Make, tmp_path: Path) -> None:
    house = make(retention_s=1)
    too_deep(tmp_path / "state" / "store" / "scratch" / "0123456789ab-1-00000000")
    job_id = house.completed()
    assert house.retention.expire(time.time() + 10) == [ExpiredFiles(job_id, "all", "age")]
