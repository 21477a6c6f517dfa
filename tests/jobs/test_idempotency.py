"""Idempotency keys: one lease at a time, and one job for each key whatever gets lost."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis
from redis.client import Pipeline
from redis.connection import Connection
from redis.exceptions import ConnectionError as RedisConnectionError

from jobs.idempotency import LEASE_S, CreatedJob, KeyInUseError, KeyLease, KeyLeaseLostError, fingerprint
from jobs.queue import JobQueue
from jobs.record import JobKind, JobRecord, Webhook
from jobs.repository import JobRecords
from model_core.options import ScoreOptions

DAY_S = 24 * 3600
THREADS = 16
STORED = "v2m:idempotency:ann:a-key"
NewLease = Callable[[], KeyLease]


@pytest.fixture
def new_lease(redis: Redis) -> NewLease:
    """A new request with the same key at each call."""
    return lambda: KeyLease(redis, "ann", "a-key", DAY_S)


def new_job(**others: object) -> JobRecord:
    given: dict[str, object] = {"upload_sha256": "ab" * 32, "owner": "ann", **others}
    prompt, options = str(given.pop("prompt", "")), given.pop("options", ScoreOptions())
    assert isinstance(options, ScoreOptions)
    return JobRecord.new(prompt, options, {}, **given)


def created(record: JobRecord) -> CreatedJob:
    return CreatedJob(record.id, fingerprint(record))


def test_one_request_at_a_time_holds_a_key(redis: Redis, new_lease: NewLease) -> None:
    first, second = new_lease(), new_lease()
    for _ in range(2):
        assert first.acquire() is None
        with pytest.raises(KeyInUseError):
            second.acquire()
    second.release()
    with pytest.raises(KeyInUseError):
        second.acquire()
    assert 0 < redis.pttl(STORED) <= LEASE_S * 1000
    for _ in range(2):
        first.release()
    assert second.acquire() is None


def test_keys_of_different_owners_are_separate(redis: Redis) -> None:
    for owner, key in [("ann", "b"), ("bob", "b"), (None, "b"), (None, "ann:b")]:
        assert KeyLease(redis, owner, key, DAY_S).acquire() is None


def test_only_the_holder_renews_a_lease(redis: Redis, new_lease: NewLease) -> None:
    first, second = new_lease(), new_lease()
    first.acquire()
    redis.pexpire(STORED, 5000)
    second.renew()
    assert redis.pttl(STORED) <= 5000
    first.renew()
    assert redis.pttl(STORED) > 5000
    first.release()
    first.renew()
    assert not redis.exists(STORED), "a late renewal does not take the key"


def test_key_returns_the_job_it_has_created(redis: Redis, queue: JobQueue, new_lease: NewLease) -> None:
    first, record = new_lease(), new_job()
    first.acquire()
    queue.submit(record, first)
    first.release()
    assert new_lease().acquire() == first.acquire() == created(record)
    assert DAY_S - 60 < redis.ttl(STORED) <= DAY_S


def test_lost_key_creates_no_second_job(
    redis: Redis, queue: JobQueue, records: JobRecords, new_lease: NewLease
) -> None:
    first, second, record, other = new_lease(), new_lease(), new_job(), new_job()
    first.acquire()
    redis.delete(STORED)  # the lease ran out
    second.acquire()
    with pytest.raises(KeyLeaseLostError):
        queue.submit(other, first)
    queue.submit(record, second)
    with pytest.raises(KeyLeaseLostError):
        queue.submit(other, first)
    assert not records.exists(other.id)
    assert queue.list_waiting() == [record.id]


def test_expired_lease_that_no_request_took_is_still_good(queue: JobQueue, new_lease: NewLease) -> None:
    record = new_job()
    queue.submit(record, new_lease())
    assert new_lease().acquire() == created(record)


def test_one_of_many_concurrent_requests_creates_a_job(queue: JobQueue, new_lease: NewLease) -> None:
    together = threading.Barrier(THREADS)

    def submit(record: JobRecord) -> str | None:
        lease = new_lease()
        together.wait()
        try:
            queue.submit(record, lease)  # without acquiring the key, as after expired leases
        except KeyLeaseLostError:
            return None
        return record.id

    with ThreadPoolExecutor(THREADS) as pool:
        taken = [job_id for job_id in pool.map(submit, [new_job() for _ in range(THREADS)]) if job_id is not None]
    assert len(taken) == 1
    assert queue.list_waiting() == taken


class Line:
    """Connection to the server that runs a callback right before or right after the next transaction."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 1
        self.before: Callable[[], object] = lambda: None
        self.loses_answer = False
        execute, parse = Pipeline.execute, Pipeline.parse_response

        def executed(pipeline: Pipeline) -> list[object]:
            if self.left:
                self.before()
            return execute(pipeline)

        def parsed(pipeline: Pipeline, connection: Connection, command: str, **options: object) -> object:
            answer = parse(pipeline, connection, command, **options)  # type: ignore[no-untyped-call]
            if self.left and isinstance(answer, list):  # only EXEC answers with a list
                self.left -= 1
                if self.loses_answer:
                    connection.disconnect()  # type: ignore[no-untyped-call]
                    raise RedisConnectionError("the answer is lost")
            return answer

        monkeypatch.setattr(Pipeline, "execute", executed)
        monkeypatch.setattr(Pipeline, "parse_response", parsed)


def test_lost_answer_creates_one_job(queue: JobQueue, new_lease: NewLease, monkeypatch: pytest.MonkeyPatch) -> None:
    first, record, line = new_lease(), new_job(), Line(monkeypatch)
    line.loses_answer = True
    first.acquire()
    queue.submit(record, first)
    assert line.left == 0
    assert queue.list_waiting() == [record.id]
    assert new_lease().acquire() == created(record)


def test_late_transaction_does_not_change_a_key_that_another_request_took(
    redis: Redis, queue: JobQueue, new_lease: NewLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, late, record, line = new_lease(), new_lease(), new_job(), new_job(), Line(monkeypatch)

    def overtake() -> None:
        line.left = 0
        first.release()
        second.acquire()
        queue.submit(record, second)

    line.before = overtake
    first.acquire()
    with pytest.raises(KeyLeaseLostError):
        queue.submit(late, first)
    assert queue.list_waiting() == [record.id]
    assert new_lease().acquire() == created(record)


def test_fingerprint_covers_the_payload() -> None:
    base = fingerprint(new_job())
    assert base == fingerprint(new_job(request_id="another", upload_bytes=5))
    assert base == fingerprint(new_job(options=ScoreOptions.model_validate_json('{"steps": null, "seed": 0}')))
    two = [ScoreOptions.model_validate_json(text) for text in ('{"seed": 1, "sync": 1}', '{"sync": 1.0, "seed": 1}')]
    others = [
        new_job(upload_sha256="cd" * 32),
        new_job(prompt="calm"),
        new_job(options=two[0]),
        new_job(kind=JobKind.CURVE),
        new_job(webhook=Webhook(url="https://example.com/")),
    ]
    assert len({base, *map(fingerprint, others)}) == len(others) + 1
    assert fingerprint(new_job(options=two[1])) == fingerprint(others[2])
