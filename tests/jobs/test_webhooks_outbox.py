"""Outbox of webhooks: a job enters it at any kind of end and stays until the delivery ends."""

from collections.abc import Callable
from typing import cast

import pytest
from redis import Redis

from jobs.infra.redis_connection import server_time
from jobs.record import JobError, JobRecord, JobStatus, Webhook
from jobs.repository import WEBHOOKS_KEY, JobRecords
from jobs.webhooks.outbox import Outbox, Outcome
from tests.jobs.webhook_receiver import cancel_new_job, make, webhook_of
from tests.worker.fake_scorer import MODEL

ERROR = JobError(code="no_frames", detail="holds no frame", field="video")
URL = "https://example.org/hook"
FAILED = Outcome(500, "the answer was 500, not 2xx")


@pytest.fixture
def records(redis: Redis) -> JobRecords:
    return JobRecords(redis, record_retention_s=100)


@pytest.fixture
def outbox(redis: Redis, records: JobRecords) -> Outbox:
    return Outbox(redis, records, lease_s=60)


def waiting(redis: Redis) -> list[str]:
    return [name.decode() for name in cast("list[bytes]", redis.zrange(WEBHOOKS_KEY, 0, -1))]


def read(records: JobRecords, job_id: str) -> JobRecord:
    record = records.get(job_id)
    assert record is not None
    return record


def start(records: JobRecords, job_id: str) -> int:
    return records.start(job_id, MODEL, "somebody")


def canceled_by_its_worker(records: JobRecords, job_id: str) -> None:
    attempt = start(records, job_id)
    records.request_cancel(job_id)
    records.cancel(job_id, attempt)


def canceled_when_it_came_back(records: JobRecords, job_id: str) -> None:
    attempt = start(records, job_id)
    records.request_cancel(job_id)
    records.requeue(job_id, attempt)


WAYS: list[tuple[JobStatus, Callable[[JobRecords, str], object]]] = [
    (JobStatus.COMPLETED, lambda records, job_id: records.complete(job_id, start(records, job_id), {})),
    (JobStatus.FAILED, lambda records, job_id: records.fail(job_id, ERROR, start(records, job_id))),
    (JobStatus.FAILED, lambda records, job_id: records.fail(job_id, ERROR)),
    (JobStatus.FAILED, lambda records, job_id: records.requeue_lost(job_id, start(records, job_id), 1, ERROR)),
    (JobStatus.FAILED, lambda records, job_id: records.requeue_unstored(job_id, start(records, job_id), 0, ERROR)),
    (JobStatus.CANCELED, lambda records, job_id: records.request_cancel(job_id)),
    (JobStatus.CANCELED, canceled_by_its_worker),
    (JobStatus.CANCELED, canceled_when_it_came_back),
]


@pytest.mark.parametrize(("status", "way"), WAYS)
def test_every_end_is_due_at_once(
    records: JobRecords, outbox: Outbox, redis: Redis, status: JobStatus, way: Callable[[JobRecords, str], object]
) -> None:
    asked, silent = make(redis, URL), make(redis, None)
    assert waiting(redis) == []
    for job_id in (asked, silent):
        way(records, job_id)
        assert read(records, job_id).status is status
    assert outbox.lease_due(10) == [asked]


def test_open_job_is_not_in_the_outbox(records: JobRecords, redis: Redis) -> None:
    job_id = make(redis, URL)
    records.requeue(job_id, start(records, job_id))
    attempt = start(records, job_id)
    records.advance(job_id, attempt, "mux", 0.5)
    records.request_cancel(job_id)
    assert waiting(redis) == []


def test_records_from_before_webhooks_end_as_ever(records: JobRecords, redis: Redis) -> None:
    job_id = make(redis, None)
    redis.hdel(records.key(job_id), "webhook")
    records.fail(job_id, ERROR)
    assert (waiting(redis), read(records, job_id).webhook) == ([], None)


def test_repeated_end_is_added_once(records: JobRecords, outbox: Outbox, redis: Redis) -> None:
    job_id = make(redis, URL)
    attempt = start(records, job_id)
    records.complete(job_id, attempt, {})
    outbox.record_attempt(read(records, job_id), Webhook(url=URL), Outcome(200), None)
    records.complete(job_id, attempt, {})
    assert waiting(redis) == []


def test_leased_webhook_is_not_leased_again_until_the_lease_expires(redis: Redis, records: JobRecords) -> None:
    jobs = [cancel_new_job(redis, URL) for _ in range(3)]
    outbox = Outbox(redis, records, lease_s=60)
    assert [outbox.lease_due(2), outbox.lease_due(2), outbox.lease_due(2)] == [jobs[:2], jobs[2:], []]
    assert sorted(waiting(redis)) == sorted(jobs), "an expired lease loses no webhook"
    assert all(55 < float(redis.zscore(WEBHOOKS_KEY, job) or 0) - server_time(redis) <= 60 for job in jobs)
    redis.zadd(WEBHOOKS_KEY, {jobs[0]: 1.0})
    assert outbox.lease_due(2) == [jobs[0]]


def test_attempt_is_recorded_once(records: JobRecords, outbox: Outbox, redis: Redis) -> None:
    job_id = cancel_new_job(redis, URL)
    record = read(records, job_id)
    for _ in range(2):
        outbox.record_attempt(record, Webhook(url=URL), FAILED, 300.0)
    found = webhook_of(redis, job_id)
    assert (found.attempts, found.last_status, found.last_error) == (1, 500, FAILED.error)
    assert found.next_at is not None
    assert (found.delivered_at, found.given_up_at) == (None, None)
    due = float(redis.zscore(WEBHOOKS_KEY, job_id) or 0) - server_time(redis)
    assert 290 < due <= 300
    outbox.record_attempt(record, found, Outcome(200), None)
    outbox.record_attempt(record, Webhook(url=URL), FAILED, 300.0)
    assert waiting(redis) == [], "a late note of the first try is none of a third"
    found = webhook_of(redis, job_id)
    assert (found.attempts, found.last_status, found.last_error, found.next_at) == (2, 200, None, None)
    assert found.delivered_at is not None
    assert read(records, job_id).webhook == found


def test_given_up_webhook_leaves_the_outbox(records: JobRecords, outbox: Outbox, redis: Redis) -> None:
    job_id = cancel_new_job(redis, URL)
    outbox.record_attempt(read(records, job_id), Webhook(url=URL), FAILED, None)
    found = webhook_of(redis, job_id)
    assert (found.attempts, found.delivered_at, found.next_at, waiting(redis)) == (1, None, None, [])
    assert found.given_up_at is not None


def test_postponing_counts_as_no_attempt(outbox: Outbox, redis: Redis) -> None:
    job_id = cancel_new_job(redis, URL)
    outbox.lease_due(1)
    outbox.postpone(job_id, 0.0)
    assert (outbox.lease_due(1), webhook_of(redis, job_id).attempts) == ([job_id], 0)
    outbox.remove(job_id)
    outbox.postpone(job_id, 0.0)
    assert waiting(redis) == [], "a delivered webhook does not come back"


def test_removed_job_leaves_the_outbox(records: JobRecords, outbox: Outbox, redis: Redis) -> None:
    job_id = cancel_new_job(redis, URL)
    record = read(records, job_id)
    records.remove(record)
    assert waiting(redis) == []
    outbox.record_attempt(record, Webhook(url=URL), FAILED, 1.0)
    assert (waiting(redis), records.get(job_id)) == ([], None)


def test_recording_does_not_extend_the_record(records: JobRecords, outbox: Outbox, redis: Redis) -> None:
    job_id = cancel_new_job(redis, URL)
    records.mark_expired(job_id)
    outbox.record_attempt(read(records, job_id), Webhook(url=URL), FAILED, 1.0)
    assert 0 < redis.ttl(records.key(job_id)) <= 100
