"""Reconciliation of RQ's queue with the records, on a real server, with gaps created by hand."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from jobs.infra import processes
from jobs.infra.settings import Settings
from jobs.queue import JobQueue
from jobs.record import JobRecord, JobStatus
from jobs.recovery import LOST, Reconciler, Repairs
from jobs.repository import LEASES_KEY, JobRecords
from model_core.options import ModelInfo, ScoreOptions

MODEL = ModelInfo(name="one", version="2", kind="none", licence="CC0-1.0")
ELSEWHERE = "0123456789ab-1-00000000"


class House:
    """Records, queue and reconciler on one database."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self.redis = redis
        self.records = JobRecords(redis, settings.record_retention_s)
        self.queue = JobQueue(redis, self.records, settings)
        self.own_name = processes.new_name()
        self.reconciler = Reconciler(redis, self.records, self.queue, settings, self.own_name)

    def submit(self) -> str:
        record = JobRecord.new("", ScoreOptions(), {})
        self.queue.submit(record)
        return record.id

    def running(self, worker: str) -> str:
        """A job that this worker has taken and started."""
        job_id = self.submit()
        self.take(job_id)
        self.records.start(job_id, MODEL, worker)
        return job_id

    def take(self, job_id: str) -> None:
        """Moves the job as a worker does that takes it: out of the list, into RQ's intermediate one."""
        self.redis.lrem(self.queue.rq.key, 0, job_id)
        self.redis.rpush(self.queue.rq.intermediate_queue_key, job_id)

    def read(self, job_id: str) -> JobRecord:
        record = self.records.get(job_id)
        assert record is not None
        return record

    def age(self, key: str, job_id: str, seconds: float = 1000.0) -> None:
        """Makes a note of the time look older."""
        self.redis.zincrby(key, -seconds, job_id)


@pytest.fixture
def house(redis: Redis, settings: Settings) -> House:
    return House(redis, settings)


@pytest.fixture(scope="module")
def dead() -> str:
    """Name of a worker on this machine whose process has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return f"{processes.machine()}-{ended.pid}-00000000"


def test_consistent_jobs_are_not_changed(house: House) -> None:
    jobs = [house.submit(), house.running(ELSEWHERE), house.running(house.own_name)]
    over = house.running(ELSEWHERE)
    house.records.complete(over, 1, {})
    before = [house.read(job_id) for job_id in (*jobs, over)]
    assert house.reconciler.run() == Repairs()
    assert [house.read(job_id) for job_id in (*jobs, over)] == before
    assert house.queue.list_waiting() == jobs[:1]


def test_job_of_a_worker_that_died_here_is_requeued_at_once(house: House, dead: str) -> None:
    later, job_id = house.submit(), house.running(dead)
    assert house.reconciler.run() == Repairs(requeued=1)
    record = house.read(job_id)
    assert (record.status, record.crashes, record.worker) == (JobStatus.QUEUED, 1, None)
    assert house.queue.list_waiting() == [job_id, later]
    assert house.redis.llen(house.queue.rq.intermediate_queue_key) == 0


def test_job_of_a_worker_elsewhere_is_requeued_after_its_lease(house: House) -> None:
    job_id = house.running(ELSEWHERE)
    assert house.reconciler.run() == Repairs()
    house.age(LEASES_KEY, job_id)
    assert house.reconciler.run() == Repairs(needs_rerun=True)
    house.age("v2m:missed", f"{job_id}:1", house.reconciler.grace_s)
    assert house.reconciler.run() == Repairs(requeued=1)
    assert house.queue.list_waiting() == [job_id]


def test_lease_that_aged_during_an_outage_is_renewed_in_time(house: House) -> None:
    job_id = house.running(ELSEWHERE)
    house.age(LEASES_KEY, job_id)
    assert house.reconciler.run() == Repairs(needs_rerun=True)
    house.records.renew_lease(job_id, 1)
    house.age("v2m:missed", f"{job_id}:1", house.reconciler.grace_s)
    assert house.reconciler.run() == Repairs()
    assert house.read(job_id).crashes == 0


def test_renewed_lease_is_not_expired(house: House) -> None:
    job_id = house.running(ELSEWHERE)
    house.age(LEASES_KEY, job_id)
    house.records.renew_lease(job_id, 1)
    assert house.reconciler.run() == Repairs()


def test_job_dropped_by_its_own_worker_is_requeued(house: House) -> None:
    job_id = house.running(house.own_name)
    house.redis.zrem(LEASES_KEY, job_id)
    assert house.reconciler.run() == Repairs(needs_rerun=True)
    house.age("v2m:missed", f"{job_id}:1", house.reconciler.grace_s)
    assert house.reconciler.run() == Repairs(requeued=1)


def test_predecessor_with_the_same_process_number_is_dead(house: House) -> None:
    house.running(f"{processes.machine()}-{os.getpid()}-00000000")
    assert house.reconciler.run() == Repairs(requeued=1)


def test_job_that_killed_two_workers_fails(house: House, dead: str) -> None:
    job_id = house.running(dead)
    house.reconciler.run()
    house.take(job_id)
    house.records.start(job_id, MODEL, dead)
    assert house.reconciler.run() == Repairs(failed=1)
    assert (house.read(job_id).status, house.read(job_id).error) == (JobStatus.FAILED, LOST)
    assert house.queue.list_waiting() == []


def test_canceled_job_of_a_dead_worker_is_canceled(house: House, dead: str) -> None:
    job_id = house.running(dead)
    house.queue.cancel(job_id)
    assert house.reconciler.run() == Repairs()
    assert house.read(job_id).status is JobStatus.CANCELED


@pytest.mark.parametrize("taken", [True, False])
def test_job_in_no_list_is_restored_when_missed_twice(house: House, taken: bool) -> None:
    job_id = house.submit()
    if taken:  # by a worker that died before it could start it
        house.take(job_id)
    else:
        house.redis.delete(house.queue.rq.key, f"rq:job:{job_id}")
    assert house.reconciler.run() == Repairs(needs_rerun=True)
    house.age("v2m:missed", job_id, house.reconciler.grace_s)
    assert house.reconciler.run() == Repairs(restored=1)
    assert house.queue.list_waiting() == [job_id]
    assert (house.read(job_id).attempt, house.read(job_id).crashes) == (0, 0)
    assert house.reconciler.run() == Repairs()


def test_job_that_was_started_meanwhile_is_not_restored(house: House) -> None:
    job_id = house.submit()
    house.take(job_id)
    house.reconciler.run()
    house.age("v2m:missed", job_id, house.reconciler.grace_s)
    house.records.start(job_id, MODEL, ELSEWHERE)
    assert house.reconciler.run() == Repairs()
    assert house.queue.list_waiting() == []


def test_index_entry_without_a_record_is_removed(house: House) -> None:
    job_id = house.submit()
    house.redis.delete(house.records.key(job_id))
    assert house.reconciler.run() == Repairs()
    assert house.records.list_open() == []


@pytest.mark.parametrize("gap", ["dead worker", "no list"])
def test_concurrent_reconcilers_repair_once(house: House, dead: str, gap: str) -> None:
    if gap == "dead worker":
        job_id = house.running(dead)
    else:
        job_id = house.submit()
        house.take(job_id)
        house.reconciler.run()
        house.age("v2m:missed", job_id, house.reconciler.grace_s)
    run: Callable[[int], Repairs] = lambda _: house.reconciler.run()  # noqa: E731
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
    assert house.queue.list_waiting() == [job_id]
    assert house.read(job_id).crashes == (gap == "dead worker")
