"""Idempotency keys: one claim at a time, and one job for one key whatever gets lost."""

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
Claims = Callable[[], KeyLease]


@pytest.fixture
def claims(redis: Redis) -> Claims:
    """Each call is another request with the same key."""
    return lambda: KeyLease(redis, "ann", "a-key", DAY_S)


def asked(**others: object) -> JobRecord:
    given: dict[str, object] = {"upload_sha256": "ab" * 32, "owner": "ann", **others}
    prompt, options = str(given.pop("prompt", "")), given.pop("options", ScoreOptions())
    assert isinstance(options, ScoreOptions)
    return JobRecord.new(prompt, options, {}, **given)


def made(record: JobRecord) -> CreatedJob:
    return CreatedJob(record.id, fingerprint(record))


def test_a_key_is_claimed_by_one_request_at_a_time(redis: Redis, claims: Claims) -> None:
    first, second = claims(), claims()
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


def test_keys_of_different_owners_never_meet(redis: Redis) -> None:
    for owner, key in [("ann", "b"), ("bob", "b"), (None, "b"), (None, "ann:b")]:
        assert KeyLease(redis, owner, key, DAY_S).acquire() is None


def test_a_lease_is_renewed_by_whoever_has_it(redis: Redis, claims: Claims) -> None:
    first, second = claims(), claims()
    first.acquire()
    redis.pexpire(STORED, 5000)
    second.renew()
    assert redis.pttl(STORED) <= 5000
    first.renew()
    assert redis.pttl(STORED) > 5000
    first.release()
    first.renew()
    assert not redis.exists(STORED), "a renewal that comes late claims nothing"


def test_a_key_names_the_job_that_it_has_made(redis: Redis, queue: JobQueue, claims: Claims) -> None:
    first, record = claims(), asked()
    first.acquire()
    queue.submit(record, first)
    first.release()
    assert claims().acquire() == first.acquire() == made(record)
    assert DAY_S - 60 < redis.ttl(STORED) <= DAY_S


def test_a_key_that_was_lost_makes_no_second_job(
    redis: Redis, queue: JobQueue, records: JobRecords, claims: Claims
) -> None:
    first, second, record, other = claims(), claims(), asked(), asked()
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


def test_a_lease_that_ran_out_unnoticed_does_no_harm(queue: JobQueue, claims: Claims) -> None:
    record = asked()
    queue.submit(record, claims())
    assert claims().acquire() == made(record)


def test_of_many_at_once_one_makes_a_job(queue: JobQueue, claims: Claims) -> None:
    together = threading.Barrier(THREADS)

    def submit(record: JobRecord) -> str | None:
        claim = claims()
        together.wait()
        try:
            queue.submit(record, claim)  # without having claimed the key: as after leases that ran out
        except KeyLeaseLostError:
            return None
        return record.id

    with ThreadPoolExecutor(THREADS) as pool:
        taken = [job_id for job_id in pool.map(submit, [asked() for _ in range(THREADS)]) if job_id is not None]
    assert len(taken) == 1
    assert queue.list_waiting() == taken


class Line:
    """Between a client and the server: something happens right before, or right after, the next transaction."""

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


def test_an_answer_that_is_lost_makes_one_job(queue: JobQueue, claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    first, record, line = claims(), asked(), Line(monkeypatch)
    line.loses_answer = True
    first.acquire()
    queue.submit(record, first)
    assert line.left == 0
    assert queue.list_waiting() == [record.id]
    assert claims().acquire() == made(record)


def test_a_transaction_that_comes_late_does_nothing_to_a_key_that_was_taken_meanwhile(
    redis: Redis, queue: JobQueue, claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, late, record, line = claims(), claims(), asked(), asked(), Line(monkeypatch)

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
    assert claims().acquire() == made(record)


def test_the_fingerprint_is_of_what_was_asked_for() -> None:
    base = fingerprint(asked())
    assert base == fingerprint(asked(request_id="another", upload_bytes=5))
    assert base == fingerprint(asked(options=ScoreOptions.model_validate_json('{"steps": null, "seed": 0}')))
    two = [ScoreOptions.model_validate_json(text) for text in ('{"seed": 1, "sync": 1}', '{"sync": 1.0, "seed": 1}')]
    others = [
        asked(upload_sha256="cd" * 32),
        asked(prompt="calm"),
        asked(options=two[0]),
        asked(kind=JobKind.CURVE),
        asked(webhook=Webhook(url="https://example.com/")),
    ]
    assert len({base, *map(fingerprint, others)}) == len(others) + 1
    assert fingerprint(asked(options=two[1])) == fingerprint(others[2])
