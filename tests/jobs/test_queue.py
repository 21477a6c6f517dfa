"""The queue: one transaction, places in line, and nothing but the one task."""

import json
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq import Callback, Queue
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.serializers import JSONSerializer

from jobs.connection import connect
from jobs.queue import QUEUE_NAME, TASK, ForeignJobError, JobQueue, ScoreJob
from jobs.record import JobRecord, JobStatus
from jobs.records import JobRecords
from jobs.settings import Settings
from model_core.options import ScoreOptions


@pytest.fixture
def records(redis: Redis, settings: Settings) -> JobRecords:
    return JobRecords(redis, settings.retention_s)


@pytest.fixture
def queue(redis: Redis, records: JobRecords, settings: Settings) -> JobQueue:
    return JobQueue(redis, records, settings)


def new_record() -> JobRecord:
    return JobRecord.new("", ScoreOptions(), {})


def fetch(redis: Redis, job_id: str) -> Job:
    return ScoreJob.fetch(job_id, redis, serializer=JSONSerializer)


def test_a_submitted_job_has_a_record_and_a_place(redis: Redis, queue: JobQueue, records: JobRecords) -> None:
    submitted = [new_record() for _ in range(3)]
    for record in submitted:
        queue.submit(record)
    assert [queue.position(record.id) for record in submitted] == [1, 2, 3]
    assert queue.position("0" * 32) is None
    first = records.get(submitted[0].id)
    assert first is not None
    assert first.status is JobStatus.QUEUED
    job = fetch(redis, first.id)
    assert (job.func_name, list(job.args), job.retries_left) == (TASK, [first.id], 2)
    assert job.timeout == 3600
    assert 0 < (job.failure_ttl or 0) <= 24 * 3600
    assert 0 < (job.result_ttl or 0) <= 24 * 3600


def test_a_single_attempt_means_no_retry(redis: Redis, records: JobRecords, settings: Settings) -> None:
    record = new_record()
    JobQueue(redis, records, settings.model_copy(update={"max_attempts": 1})).submit(record)
    assert not fetch(redis, record.id).retries_left


def test_without_a_server_neither_record_nor_job_is_made(tmp_path: Path, settings: Settings) -> None:
    with connect(f"unix://{tmp_path}/nobody.sock") as nobody:
        records = JobRecords(nobody, 1)
        with pytest.raises(RedisError):
            JobQueue(nobody, records, settings).submit(new_record())


@pytest.mark.parametrize("name", ["os.system", "worker.main.run", "worker.task.TaskRunner", "", "builtins.eval"])
def test_another_function_is_refused(redis: Redis, name: str) -> None:
    foreign = Queue(QUEUE_NAME, connection=redis, serializer=JSONSerializer)
    job_id = foreign.enqueue_call(name, args=("true",)).id
    with pytest.raises(ForeignJobError, match="refused to run"):
        fetch(redis, job_id).perform()


def test_an_instance_is_refused(redis: Redis) -> None:
    job = ScoreJob.create(TASK, args=["x"], connection=redis, serializer=JSONSerializer)
    job.data = json.dumps([TASK, "an instance", [], {}]).encode()
    with pytest.raises(ForeignJobError):
        _ = job.func


def test_callbacks_that_somebody_planted_are_not_looked_at(redis: Redis) -> None:
    foreign = Queue(QUEUE_NAME, connection=redis, serializer=JSONSerializer)
    planted = Callback("os.abort")
    job_id = foreign.enqueue_call(TASK, args=("x",), on_success=planted, on_failure=planted, on_stopped=planted).id
    job = fetch(redis, job_id)
    assert job.success_callback is None
    assert job.failure_callback is None
    assert job.stopped_callback is None


def test_pickled_jobs_do_not_load(redis: Redis) -> None:
    job_id = Queue(QUEUE_NAME, connection=redis).enqueue_call("os.system", args=("true",)).id
    with pytest.raises(DeserializationError):
        fetch(redis, job_id).perform()
