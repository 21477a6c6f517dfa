"""Owners' job lists, pruned of expired records."""

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from redis import Redis

from jobs.record import JobRecord
from jobs.repository import JobRecords, owned_key
from jobs.retention import prune_owner_lists
from model_core.options import ScoreOptions
from tests.jobs.house import Make

BEGAN = datetime(2026, 11, 23, 21, 10, 5, 123457, UTC)


@pytest.fixture
def records(redis: Redis) -> JobRecords:
    return JobRecords(redis, record_retention_s=100)


def make_list(records: JobRecords, redis: Redis, forgotten: str, owner: str | None = None) -> list[str]:
    """Ids of jobs in order of creation; each ``x`` in ``forgotten`` is a job without a record."""
    made = []
    for number, mark in enumerate(forgotten):
        at = BEGAN + timedelta(seconds=number)
        record = JobRecord.new("", ScoreOptions(), {}, owner=owner).model_copy(update={"created_at": at})
        with redis.pipeline() as pipeline:
            records.create(record, pipeline)
            pipeline.execute()
        if mark == "x":
            redis.delete(records.key(record.id))
        made.append(record.id)
    return made


def listed(redis: Redis, owner: str | None = None) -> list[str]:
    return [job_id.decode() for job_id in cast("list[bytes]", redis.zrange(owned_key(owner), 0, -1))]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("...", "..."),
        ("xxxxx", ""),
        ("xxxxxxxx..", ".."),
        (".x.x.x.x.", "....."),
        ("xx.x.....x", "......x"),  # three that are there, one after the other, end it
        ("...x", "...x"),
    ],
)
def test_expired_ids_at_the_old_end_are_removed(records: JobRecords, redis: Redis, before: str, after: str) -> None:
    made = make_list(records, redis, before)
    prune_owner_lists(redis, batch=3)
    left = listed(redis)
    assert "".join(before[made.index(job_id)] for job_id in left) == after
    assert left == [job_id for job_id in made if job_id in left]


def test_lists_of_all_owners_are_pruned(records: JobRecords, redis: Redis) -> None:
    kept = {owner: make_list(records, redis, "xx.", owner)[2:] for owner in ("us", "them", None)}
    prune_owner_lists(redis)
    assert {owner: listed(redis, owner) for owner in kept} == kept


def test_long_list_of_existing_jobs_costs_one_batch(records: JobRecords, redis: Redis) -> None:
    make_list(records, redis, "." * 9)
    redis.config_resetstat()
    prune_owner_lists(redis, batch=3)
    calls = redis.info("commandstats")
    assert (calls["cmdstat_zrange"]["calls"], calls["cmdstat_exists"]["calls"]) == (1, 3)
    assert "cmdstat_keys" not in calls
    assert "cmdstat_scan" not in calls


def test_hourly_round_prunes_the_lists(make: Make, redis: Redis) -> None:
    house = make()
    forgotten, kept = house.completed(), house.completed()
    redis.delete(house.records.key(forgotten))
    house.retention.expire()
    assert listed(redis) == [kept]
