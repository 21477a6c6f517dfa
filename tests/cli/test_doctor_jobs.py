"""What the doctor says of workers and queue, with records and lists set from behind."""

import os
from collections.abc import Callable

import pytest
from redis import Redis

from cli.doctor import Deployment, Finding
from cli.doctor.service import check_queue, check_workers
from jobs.infra.processes import machine, record_heartbeat
from jobs.infra.settings import Settings
from jobs.queue import JobQueue
from jobs.record import JobError, JobRecord
from jobs.repository import LEASES_KEY, JobRecords
from model_core.options import ModelInfo, ScoreOptions
from tests.conftest import MakeSettings

MODEL = ModelInfo(name="fake", version="1", kind="none", licence="CC0-1.0")
NO_PROCESS = 2**22 + 1  # above the kernel's highest


@pytest.fixture
def deployment(redis: Redis, settings: Settings) -> Deployment:
    return Deployment(settings, redis)


@pytest.fixture
def records(redis: Redis, settings: Settings) -> JobRecords:
    return JobRecords(redis, settings.record_retention_s)


@pytest.fixture
def submit(redis: Redis, records: JobRecords, settings: Settings) -> Callable[[], str]:
    """Makes a job that waits, and returns its id."""
    jobs = JobQueue(redis, records, settings)

    def new() -> str:
        record = JobRecord.new("", ScoreOptions(), {})
        jobs.submit(record)
        return record.id

    return new


def states(findings: list[Finding]) -> list[str]:
    return [finding.state for finding in findings]


def test_no_worker_is_a_failure(deployment: Deployment) -> None:
    (finding,) = check_workers(deployment)
    assert (finding.state, finding.found) == ("fail", "none is live: jobs wait")


def test_workers_are_counted_by_machine(deployment: Deployment, redis: Redis) -> None:
    for name in (f"{machine()}-{os.getppid()}-a", f"{machine()}-{os.getppid()}-b", "0123456789ab-7-c"):
        record_heartbeat(redis, name)
    (finding,) = check_workers(deployment)
    assert finding.state == "ok"
    assert finding.found.startswith("3 live: 1 on machine 0123456789ab, 2 on this machine (")


def test_a_worker_that_fell_silent_is_named_and_not_forgotten_for_it(deployment: Deployment, redis: Redis) -> None:
    dead, silent = f"{machine()}-{NO_PROCESS}-a", "0123456789ab-7-c"
    record_heartbeat(redis, f"{machine()}-{os.getppid()}-b")
    redis.zadd("v2m:workers", {dead: 1.0, silent: 1.0})
    live, *others = check_workers(deployment)
    assert (live.state, states(others)) == ("ok", ["warn", "warn"])
    assert {finding.found.split()[0] for finding in others} == {dead, silent}
    assert redis.zcard("v2m:workers") == 3, "the doctor changes nothing"


def test_an_empty_queue_is_well(deployment: Deployment) -> None:
    assert [(finding.state, finding.found) for finding in check_queue(deployment)] == [
        ("ok", "0 waiting, 0 in progress"),
        ("ok", "finished in the last day: 0, of which failed: 0"),
    ]


def test_jobs_that_wait_and_run_as_they_should_are_counted(
    deployment: Deployment, records: JobRecords, submit: Callable[[], str], redis: Redis
) -> None:
    submit()
    running = submit()
    redis.lrem("rq:queue:v2m", 0, running)
    records.start(running, MODEL, "somebody")
    length, oldest, failures = check_queue(deployment)
    assert states([length, oldest, failures]) == ["ok"] * 3
    assert length.found == "1 waiting, 1 in progress"
    assert oldest.found.startswith("the oldest waiting job was created 0 s ago")


def test_a_queue_is_nearly_full_and_full(make_settings: MakeSettings, redis: Redis, submit: Callable[[], str]) -> None:
    for _ in range(9):
        submit()
    nearly, *_ = check_queue(Deployment(make_settings(max_queued=10), redis))
    full, *_ = check_queue(Deployment(make_settings(max_queued=9), redis))
    assert (nearly.state, full.state) == ("warn", "fail")


def test_a_job_that_waits_for_very_long_is_told(
    make_settings: MakeSettings, redis: Redis, submit: Callable[[], str], records: JobRecords
) -> None:
    job_id = submit()
    redis.hset(records.key(job_id), "created_at", '"2026-01-01T00:00:00Z"')
    _, oldest, _ = check_queue(Deployment(make_settings(), redis))
    assert oldest.state == "warn"


def test_jobs_that_hang_are_named(
    deployment: Deployment, records: JobRecords, submit: Callable[[], str], redis: Redis
) -> None:
    missed, abandoned = submit(), submit()
    redis.delete("rq:queue:v2m")
    records.start(abandoned, MODEL, "somebody")
    redis.zadd(LEASES_KEY, {abandoned: 1.0})
    before = redis.dbsize()
    _, silent, not_in_list, _ = check_queue(deployment)
    assert (silent.state, not_in_list.state) == ("warn", "warn")
    assert silent.found == f"1 in progress without a live worker: {abandoned}"
    assert not_in_list.found == f"1 queued, but not in RQ's list: {missed}"
    assert redis.dbsize() == before


def test_failures_are_counted_by_their_code(
    deployment: Deployment, records: JobRecords, submit: Callable[[], str], redis: Redis
) -> None:
    def failed(code: str) -> Finding:
        job_id = submit()
        redis.lrem("rq:queue:v2m", 0, job_id)
        records.fail(job_id, JobError(code=code, detail=""))
        return list(check_queue(deployment))[-1]

    failed("no_frames")
    theirs = failed("no_frames")
    assert (theirs.state, theirs.found) == ("ok", "finished in the last day: 2, of which failed: 2 (no_frames 2)")
    ours = failed("worker_lost")
    assert ours.state == "warn"
    assert ours.found == "finished in the last day: 3, of which failed: 3 (no_frames 2, worker_lost 1)"


def test_without_redis_there_is_nothing_to_say(settings: Settings) -> None:
    assert [*check_workers(Deployment(settings, None)), *check_queue(Deployment(settings, None))] == []
