"""Job queue: submission in one transaction, positions, and a single allowed task."""

import json
from pathlib import Path

import pytest
from redis import Redis
from redis.client import Pipeline
from redis.connection import Connection
from redis.exceptions import ConnectionError as RedisConnectionError
from rq import Callback, Queue
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.serializers import JSONSerializer

from jobs.infra.redis_connection import connect
from jobs.infra.settings import Settings
from jobs.queue import QUEUE_NAME, TASK, ForeignJobError, JobQueue, NotSubmittedError, QueueFullError, ScoreJob
from jobs.record import JobRecord, JobStatus
from jobs.repository import JobRecords, UnknownJobError
from model_core.options import ModelInfo, ScoreOptions

MODEL = ModelInfo(name="one", version="2", kind="none", licence="CC0-1.0")


def new_record() -> JobRecord:
    return JobRecord.new("", ScoreOptions(), {})


def fetch(redis: Redis, job_id: str) -> Job:
    return ScoreJob.fetch(job_id, redis, serializer=JSONSerializer)


def test_redis_that_refuses_writes_certainly_has_no_job(
    redis: Redis, queue: JobQueue, records: JobRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.queue._SUBMIT_PATIENCE_S", 0.2)
    record = new_record()
    redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(NotSubmittedError, match="memory"):
            queue.submit(record)
    finally:
        redis.config_set("maxmemory", 0)
    assert records.get(record.id) is None
    assert queue.list_waiting() == []


def test_submitted_job_has_a_record_and_a_position(redis: Redis, queue: JobQueue, records: JobRecords) -> None:
    submitted = [new_record() for _ in range(3)]
    for record in submitted:
        queue.submit(record)
    assert [queue.position(record.id) for record in submitted] == [1, 2, 3]
    assert queue.position("0" * 32) is None
    first = records.get(submitted[0].id)
    assert first is not None
    assert first.status is JobStatus.QUEUED
    job = fetch(redis, first.id)
    assert (job.func_name, list(job.args), job.retries_left) == (TASK, [first.id], None)
    assert job.timeout == 3600
    assert 0 < (job.failure_ttl or 0) <= 24 * 3600
    assert 0 < (job.result_ttl or 0) <= 24 * 3600


def test_submitting_twice_adds_one_entry(queue: JobQueue) -> None:
    record = new_record()
    for _ in range(3):
        queue.submit(record)
    assert queue.list_waiting() == [record.id]


class Drops:
    """Connection that delivers the next transaction and loses its answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 1
        honest = Pipeline.parse_response

        def parse(pipeline: Pipeline, connection: Connection, command: str, **options: object) -> object:
            answer = honest(pipeline, connection, command, **options)  # type: ignore[no-untyped-call]
            if self.left and isinstance(answer, list):  # only EXEC answers with a list
                self.left -= 1
                connection.disconnect()  # type: ignore[no-untyped-call]
                raise RedisConnectionError("the answer is lost")
            return answer

        monkeypatch.setattr(Pipeline, "parse_response", parse)


def test_submission_with_a_lost_answer_is_not_repeated(
    queue: JobQueue, records: JobRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, drops = new_record(), Drops(monkeypatch)
    queue.submit(record)
    assert drops.left == 0
    assert queue.list_waiting() == [record.id]
    assert records.list_open() == [record.id]


def test_submission_waits_for_a_restarting_redis(queue: JobQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = JobQueue.check_room, 0

    def out_at_first(queue: JobQueue) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise RedisConnectionError("it starts again")
        real(queue)

    monkeypatch.setattr(JobQueue, "check_room", out_at_first)
    record = new_record()
    queue.submit(record)
    assert queue.list_waiting() == [record.id]


def test_job_that_filled_the_queue_is_not_refused_after_a_lost_answer(
    redis: Redis, records: JobRecords, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = JobQueue(redis, records, settings.model_copy(update={"max_queued": 1}))
    record, drops = new_record(), Drops(monkeypatch)
    queue.submit(record)
    assert drops.left == 0
    assert queue.list_waiting() == [record.id]


def test_outcome_of_a_sent_transaction_is_uncertain(queue: JobQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.queue._SUBMIT_PATIENCE_S", 0.0)

    def lost(*_: object) -> None:
        raise RedisConnectionError("the answer is lost")

    monkeypatch.setattr(Pipeline, "execute", lost)
    with pytest.raises(RedisConnectionError, match="the answer is lost"):
        queue.submit(new_record())


def test_queue_has_a_limit(redis: Redis, records: JobRecords, settings: Settings) -> None:
    queue = JobQueue(redis, records, settings.model_copy(update={"max_queued": 2}))
    for _ in range(2):
        queue.submit(new_record())
    refused = new_record()
    with pytest.raises(QueueFullError, match="2 jobs are waiting already") as full:
        queue.submit(refused)
    assert full.value.limit == 2
    assert not records.exists(refused.id)
    assert queue.counts() == {"queued": 2, "in_progress": 0}


def test_waiting_job_is_canceled_at_once(queue: JobQueue) -> None:
    first, second = new_record(), new_record()
    for record in (first, second):
        queue.submit(record)
    assert [queue.cancel(first.id).status for _ in range(2)] == [JobStatus.CANCELED] * 2
    assert queue.position(second.id) == 1
    assert queue.counts() == {"queued": 1, "in_progress": 0}
    with pytest.raises(UnknownJobError):
        queue.cancel("0" * 32)


def test_job_in_progress_is_asked_to_stop(queue: JobQueue, records: JobRecords) -> None:
    record = new_record()
    queue.submit(record)
    queue.rq.remove(record.id)
    records.start(record.id, MODEL, "one")
    asked = queue.cancel(record.id)
    assert (asked.status, asked.cancel_requested) == (JobStatus.IN_PROGRESS, True)
    assert queue.counts() == {"queued": 0, "in_progress": 1}


def test_only_queued_jobs_missing_from_the_list_are_restored(queue: JobQueue, records: JobRecords) -> None:
    waiting, lost, running, over = (new_record() for _ in range(4))
    for record in (waiting, lost, running, over):
        queue.submit(record)
    for record in (lost, running, over):
        queue.rq.remove(record.id)
    records.start(running.id, MODEL, "one")
    records.request_cancel(over.id)
    assert [queue.restore(record.id) for record in (waiting, lost, running, over)] == [False, True, False, False]
    assert queue.list_waiting() == [lost.id, waiting.id], "it has waited longest"
    assert not queue.restore("0" * 32)


def test_without_a_server_nothing_is_written(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.queue._SUBMIT_PATIENCE_S", 0.0)
    with connect(f"unix://{tmp_path}/nobody.sock") as nobody:
        records = JobRecords(nobody, 1)
        with pytest.raises(NotSubmittedError):
            JobQueue(nobody, records, settings).submit(new_record())


@pytest.mark.parametrize("name", ["os.system", "worker.main.run", "worker.task.TaskRunner", "", "builtins.eval"])
def test_another_function_is_refused(redis: Redis, name: str) -> None:
    foreign = Queue(QUEUE_NAME, connection=redis, serializer=JSONSerializer)
    job_id = foreign.enqueue_call(name, args=("true",)).id
    with pytest.raises(ForeignJobError, match="refused to run"):
        fetch(redis, job_id).perform()


def test_instance_is_refused(redis: Redis) -> None:
    job = ScoreJob.create(TASK, args=["x"], connection=redis, serializer=JSONSerializer)
    job.data = json.dumps([TASK, "an instance", [], {}]).encode()
    with pytest.raises(ForeignJobError):
        _ = job.func


def test_injected_callbacks_are_ignored(redis: Redis) -> None:
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
