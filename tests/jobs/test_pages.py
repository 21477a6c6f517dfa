"""Pages of an owner's jobs while jobs are added and removed."""

from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from jobs.record import JobRecord, JobStatus
from jobs.repository import OWNERS_KEY, IllegalTransitionError, JobRecords, UnknownJobError, owned_key
from model_core.options import ModelInfo, ScoreOptions

BEGAN = datetime(2026, 11, 23, 21, 10, 5, 123457, UTC)
MODEL = ModelInfo(name="one", version="2", kind="none", licence="CC0-1.0")


@pytest.fixture
def records(redis: Redis) -> JobRecords:
    return JobRecords(redis, record_retention_s=100)


def make(records: JobRecords, redis: Redis, made: datetime, owner: str | None = None) -> JobRecord:
    record = JobRecord.new("", ScoreOptions(), {}, owner=owner).model_copy(update={"created_at": made})
    with redis.pipeline() as pipeline:
        records.create(record, pipeline)
        pipeline.execute()
    return record


def paged(records: JobRecords, size: int, owner: str | None = None) -> list[list[str]]:
    """All pages of a list, each starting after the last job of the previous one."""
    pages: list[list[str]] = []
    before = None
    while page := records.list_page(owner, size, before):
        before = page[-1].created_at.timestamp(), page[-1].id
        pages.append([record.id for record in page])
    return pages


@pytest.mark.parametrize("size", [1, 3, 7, 8, 100])
@pytest.mark.parametrize("apart_us", [0, 1])
def test_every_job_is_on_one_page(records: JobRecords, redis: Redis, size: int, apart_us: int) -> None:
    made = [make(records, redis, BEGAN + timedelta(microseconds=apart_us * number)) for number in range(8)]
    pages = paged(records, size)
    newest_first = sorted(made, key=lambda record: (record.created_at, record.id), reverse=True)
    assert [job_id for page in pages for job_id in page] == [record.id for record in newest_first]
    assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)


def test_new_and_removed_jobs_do_not_shift_pages(records: JobRecords, redis: Redis) -> None:
    made = [make(records, redis, BEGAN + timedelta(seconds=number)) for number in range(6)]
    last = records.list_page(None, 2)[-1]
    records.remove(last)
    make(records, redis, BEGAN + timedelta(days=1))
    rest = records.list_page(None, 10, (last.created_at.timestamp(), last.id))
    assert [record.id for record in rest] == [record.id for record in reversed(made[:4])]


def test_each_owner_has_a_list(records: JobRecords, redis: Redis) -> None:
    ours, theirs = make(records, redis, BEGAN, "us"), make(records, redis, BEGAN, "them")
    nobodys = make(records, redis, BEGAN)
    assert [paged(records, 5, owner) for owner in ("us", "them", None)] == [[[ours.id]], [[theirs.id]], [[nobodys.id]]]


def test_expired_jobs_are_skipped_and_removed_from_the_list(records: JobRecords, redis: Redis) -> None:
    made = [make(records, redis, BEGAN + timedelta(seconds=number)) for number in range(9)]
    kept = {made[1].id, made[8].id}
    for record in made:
        if record.id not in kept:
            redis.delete(records.key(record.id))
    assert paged(records, 2) == [[made[8].id, made[1].id]]
    assert redis.zcard(owned_key(None)) == 2


def test_page_takes_two_round_trips(records: JobRecords, redis: Redis) -> None:
    for number in range(50):
        make(records, redis, BEGAN + timedelta(seconds=number))
    redis.config_resetstat()
    assert len(records.list_page(None, 50)) == 50
    calls = redis.info("commandstats")
    assert calls["cmdstat_zrevrangebyscore"]["calls"] == 1
    assert calls["cmdstat_hgetall"]["calls"] == 50


def test_removed_job_leaves_no_trace(records: JobRecords, redis: Redis) -> None:
    record = make(records, redis, BEGAN)
    records.request_cancel(record.id)
    records.remove(record)
    assert redis.keys() == [OWNERS_KEY.encode()], "who has made jobs is no trace of one"
    with pytest.raises(UnknownJobError):
        records.remove(record)


def test_job_in_progress_is_not_removed(records: JobRecords, redis: Redis) -> None:
    record = make(records, redis, BEGAN)
    records.start(record.id, MODEL, "somebody")
    with pytest.raises(IllegalTransitionError):
        records.remove(record)
    (listed,) = records.list_page(None, 5)
    assert listed.status is JobStatus.IN_PROGRESS
    assert records.list_in_progress() == [listed]
