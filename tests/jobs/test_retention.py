"""What goes when: by age, by quota, and what nobody knows of. Never anything of a job that is not over."""

import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from jobs import identity
from jobs.queue import JobQueue
from jobs.record import JobError, JobRecord
from jobs.records import JobRecords
from jobs.retention import Expired, Retention
from jobs.settings import Settings
from jobs.store import ArtifactStore, StoredJob, StoreError, StoreFullError
from model_core.options import ModelInfo, ScoreOptions
from tests.conftest import MakeSettings

DAY_S = 24 * 3600.0
MODEL = ModelInfo(name="one", version="2", kind="none", licence="CC0-1.0", base=None)
ERROR = JobError(code="no_frames", detail="holds no frame")
UPLOAD, RESULT = 100, 1000
Make = Callable[..., "House"]


class House:
    """A store with jobs, as the API and a worker make them."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self.records = JobRecords(redis, settings.record_retention_s)
        self.store = ArtifactStore.open(settings, identity.new_name())
        self.queue = JobQueue(redis, self.records, settings)
        self.retention = Retention(redis, self.records, self.store, settings)

    def queued(self, size: int = UPLOAD) -> str:
        record = JobRecord.new("", ScoreOptions(), {}, upload_bytes=size)
        self.upload(record.id, size)
        self.queue.submit(record)
        return record.id

    def upload(self, job_id: str, size: int = UPLOAD) -> None:
        with self.store.scratch.file(io.BytesIO(b"u" * size), size) as path:
            self.store.put_upload(job_id, path)

    def publish(self, job_id: str, attempt: int) -> None:
        with self.store.scratch.folder(job_id) as work:
            (work / "made.mp4").write_bytes(b"r" * RESULT)
            made = self.store.publish(job_id, attempt, {"video": work / "made.mp4"})
        self.made = made

    def in_progress(self) -> str:
        job_id = self.queued()
        self.publish(job_id, self.records.start(job_id, MODEL, "somebody"))
        return job_id

    def completed(self) -> str:
        job_id = self.in_progress()
        self.records.complete(job_id, 1, self.made)
        return job_id

    def failed(self) -> str:
        job_id = self.queued()
        self.records.fail(job_id, ERROR)
        return job_id

    def record(self, job_id: str) -> JobRecord:
        record = self.records.get(job_id)
        assert record is not None
        return record

    def stored(self) -> dict[str, StoredJob]:
        return {job.id: job for job in self.store.stored()}


@pytest.fixture
def make(redis: Redis, make_settings: MakeSettings) -> Make:
    def made(**changes: object) -> House:
        return House(redis, make_settings(min_free_bytes=0, **changes))

    return made


def age(root: Path, seconds: float) -> None:
    for path in [*root.rglob("*"), root]:
        os.utime(path, (time.time() - seconds,) * 2)


def job_folder(tmp_path: Path, job_id: str) -> Path:
    return tmp_path / "state" / "store" / "jobs" / job_id


def test_uploads_go_before_results_and_the_record_stays(make: Make, redis: Redis) -> None:
    house = make(upload_retention_s=100, retention_s=1000, record_retention_s=5000)
    done, failed, waiting = house.completed(), house.failed(), house.queued()
    now = time.time()
    assert house.retention.expire(now + 50) == []
    gone = house.retention.expire(now + 150)
    assert set(gone) == {Expired(job_id, "upload", "age") for job_id in (done, failed)}
    assert {job.id: (job.upload_bytes, job.bytes) for job in house.store.stored()} == {
        done: (0, RESULT),
        waiting: (UPLOAD, UPLOAD),
    }
    assert house.record(done).artifacts == house.made
    assert house.retention.expire(now + 500) == []
    gone = house.retention.expire(now + 1500)
    assert set(gone) == {Expired(job_id, "all", "age") for job_id in (done, failed)}
    assert set(house.stored()) == {waiting}
    for job_id in (done, failed):
        record = house.record(job_id)
        assert (record.artifacts, record.expired_at is not None) == ({}, True)
        assert 4990 < redis.ttl(house.records.key(job_id)) <= 5000
    assert house.retention.expire(now + 1500) == []


def test_jobs_that_are_not_over_keep_their_files_for_ever(make: Make) -> None:
    house = make(store_max_bytes=1)
    house.queued(), house.in_progress()
    before = house.stored()
    assert house.retention.expire(time.time() + 1e9) == []
    assert house.stored() == before


def test_the_record_says_so_before_the_files_go(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_file_that_cannot_be_removed_is_in_nobodys_way(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    house = make(retention_s=1)
    stuck, other = house.completed(), house.completed()
    real = house.store.remove

    def broken(job_id: str) -> None:
        if job_id == stuck:
            raise StoreError("it is stuck")
        real(job_id)

    with monkeypatch.context() as patch:
        patch.setattr(house.store, "remove", broken)
        assert house.retention.expire(time.time() + 10) == [Expired(other, "all", "age")]
    assert set(house.stored()) == {stuck}
    assert house.record(stuck).expired_at is not None
    age(job_folder(tmp_path, stuck), 2 * DAY_S)
    house.retention._redis.delete("v2m:store:tidied")
    assert house.retention.expire() == [Expired(stuck, "all", "nobody knows of them")]
    assert house.stored() == {}


def test_the_oldest_uploads_make_room(make: Make) -> None:
    house = make(store_max_bytes=3500)
    first, second, third = (house.completed() for _ in range(3))  # 1100 bytes each
    house.retention.make_room(200)  # 3500 exactly
    assert house.retention.used() == 3500
    waiting = house.queued(200)
    assert len(house.stored()) == 4
    house.retention.make_room(150)
    left = {job_id: job.upload_bytes for job_id, job in house.stored().items()}
    assert left == {first: 0, second: 0, third: UPLOAD, waiting: 200}
    assert house.retention.used() == 3300 + 150


def test_results_go_when_no_upload_is_left(make: Make) -> None:
    house = make(store_max_bytes=3500)
    first, failed, second = house.completed(), house.failed(), house.completed()
    house.retention.make_room(2000)
    assert set(house.stored()) == {second}
    assert house.record(first).expired_at is not None
    assert house.record(failed).expired_at is None, "it had no files left that could make room"
    assert house.record(second).expired_at is None
    assert house.retention.used() == RESULT + 2000


def test_what_cannot_fit_removes_nothing(make: Make) -> None:
    house = make(store_max_bytes=2000)
    house.completed()
    house.queued(500)
    before, used = house.stored(), 1600
    for size in (1600, 2001):
        with pytest.raises(StoreFullError, match="quota of 2000 bytes"):
            house.retention.make_room(size)
        assert (house.stored(), house.retention.used()) == (before, used)
    house.retention.make_room(400)


def test_room_that_was_not_needed_is_given_back(make: Make) -> None:
    house = make(store_max_bytes=1000)
    house.retention.make_room(1000)
    house.retention.release(1000)
    house.retention.make_room(600)
    house.retention.release(600)
    assert house.retention.used() == 0


def test_the_quota_is_kept_without_anybody_asking_for_room(make: Make) -> None:
    house = make(store_max_bytes=2200)
    first, second, third = (house.completed() for _ in range(3))
    gone = house.retention.expire()
    assert gone == [*(Expired(job_id, "upload", "quota") for job_id in (first, second, third)),
                    Expired(first, "all", "quota")]  # fmt: skip
    assert house.retention.used() == 2 * RESULT
    assert house.retention.expire() == []


def test_without_a_quota_there_is_always_room(make: Make) -> None:
    house = make()
    house.retention.make_room(10**15)
    house.retention.release(10**15)
    assert house.retention.used() is None
    house.completed()
    house.retention.expire()
    assert house.retention.used() == UPLOAD + RESULT


def test_a_disk_that_is_nearly_full_takes_no_upload(redis: Redis, make_settings: MakeSettings) -> None:
    house = House(redis, make_settings(min_free_bytes=10**18))
    with pytest.raises(StoreFullError, match="must stay free"):
        house.retention.make_room(0)


def test_files_that_nobody_knows_of_go_after_a_day(make: Make, tmp_path: Path) -> None:
    house = make()
    orphan, fresh, waiting, done, working = "a" * 32, "b" * 32, house.queued(), house.completed(), house.in_progress()
    for job_id in (orphan, fresh):
        house.upload(job_id)
    for job_id in (orphan, waiting, done, working):
        age(job_folder(tmp_path, job_id), 2 * DAY_S)
    assert house.retention.expire() == [Expired(orphan, "all", "nobody knows of them")]
    assert set(house.stored()) == {fresh, waiting, done, working}
    assert house.retention.used() == 3 * UPLOAD + UPLOAD + 2 * RESULT
    assert house.retention.expire(time.time() + 3600) == [], "the store is looked through once an hour"


def test_results_of_attempts_that_came_to_nothing_go(make: Make, tmp_path: Path) -> None:
    house = make()
    done, failed, working = house.completed(), house.failed(), house.in_progress()
    for job_id in (done, failed, working):
        house.publish(job_id, 7)
        age(job_folder(tmp_path, job_id), 2 * DAY_S)
    gone = house.retention.expire()
    assert {(item.job_id, item.what) for item in gone} == {(done, "stray results"), (failed, "stray results")}
    attempts = {job_id: set(job.attempts) for job_id, job in house.stored().items()}
    assert attempts == {done: {1}, failed: set(), working: {1, 7}}


def test_a_record_that_was_lost_is_forgotten(make: Make, redis: Redis) -> None:
    house = make(retention_s=1, upload_retention_s=1)
    job_id = house.completed()
    redis.delete(house.records.key(job_id))
    house.retention.expire(time.time() + 10)
    assert house.stored() == {}
    assert house.records.kept("results") == house.records.kept("uploads") == []


def test_the_scratch_is_swept(make: Make, tmp_path: Path) -> None:
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
    assert house.retention.expire(time.time() + 200) == [Expired(job_id, "all", "age") for job_id in (first, second)]
    assert house.stored() == {}
    house.store.close()
