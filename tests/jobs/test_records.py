"""Job records against a real server: moves that are allowed, those that are not, and races between workers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from jobs.record import MOVES, JobError, JobRecord, JobStatus
from jobs.records import IllegalMoveError, JobRecords, RecordError, StaleAttemptError, UnknownJobError
from model_core.options import ModelInfo, ScoreOptions

ERROR = JobError(code="no_frames", detail="holds no frame", field="video")
UNKNOWN = "0" * 32
MODEL = ModelInfo(name="one", version="2", kind="stable-audio-3", licence="CC0-1.0", base="another")

MOVE: dict[JobStatus, Callable[[JobRecords, str], object]] = {
    JobStatus.QUEUED: lambda records, job_id: records.requeue(job_id),
    JobStatus.IN_PROGRESS: lambda records, job_id: records.start(job_id, MODEL),
    JobStatus.COMPLETED: lambda records, job_id: records.complete(job_id, 1),
    JobStatus.FAILED: lambda records, job_id: records.fail(job_id, ERROR),
    JobStatus.CANCELED: lambda records, job_id: records.cancel(job_id),
}


@pytest.fixture
def records(redis: Redis) -> JobRecords:
    return JobRecords(redis, retention_s=100)


def make(records: JobRecords, redis: Redis, status: JobStatus = JobStatus.QUEUED) -> str:
    """A job that has come to ``status`` in the ordinary way."""
    record = JobRecord.new("a prompt: ä\n", ScoreOptions(seed=3), {"duration": 1.5, "audio_codec": None})
    with redis.pipeline() as pipeline:
        records.create(record, pipeline)
        pipeline.execute()
    if status is not JobStatus.QUEUED:
        records.start(record.id, MODEL)
    if status not in (JobStatus.QUEUED, JobStatus.IN_PROGRESS):
        MOVE[status](records, record.id)
    return record.id


def read(records: JobRecords, job_id: str) -> JobRecord:
    record = records.get(job_id)
    assert record is not None
    return record


@pytest.mark.parametrize("source", JobStatus)
@pytest.mark.parametrize("target", JobStatus)
def test_only_the_moves_of_the_table_happen(
    records: JobRecords, redis: Redis, source: JobStatus, target: JobStatus
) -> None:
    job_id = make(records, redis, source)
    before = read(records, job_id)
    if target in MOVES[source]:
        MOVE[target](records, job_id)
        assert read(records, job_id).status is target
    else:
        with pytest.raises(IllegalMoveError, match=f"is {source.value}"):
            MOVE[target](records, job_id)
        assert read(records, job_id) == before


def test_a_record_comes_back_as_it_was_written(records: JobRecords, redis: Redis) -> None:
    record = read(records, make(records, redis))
    assert (record.prompt, record.options.seed) == ("a prompt: ä\n", 3)
    assert record.video == {"duration": 1.5, "audio_codec": None}
    assert record.created_at.utcoffset() is not None
    assert (record.status, record.attempt, record.error, record.started_at) == (JobStatus.QUEUED, 0, None, None)
    assert record.model is None


def test_a_job_is_said_to_be_of_the_model_that_runs_it(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis, JobStatus.IN_PROGRESS)
    assert read(records, job_id).model == MODEL
    other = MODEL.model_copy(update={"name": "other", "base": None})
    records.start(job_id, other)
    assert read(records, job_id).model == other
    records.requeue(job_id)
    assert read(records, job_id).model is None
    records.complete(job_id, records.start(job_id, MODEL))
    assert read(records, job_id).model == MODEL


def test_a_record_from_before_there_was_a_model_can_be_read(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis)
    redis.hdel(records.key(job_id), "model")
    assert read(records, job_id).model is None


def test_an_attempt_reports_progress_until_another_takes_over(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis)
    first = records.start(job_id, MODEL)
    records.advance(job_id, first, "generate", 0.5)
    assert (read(records, job_id).stage, read(records, job_id).progress) == ("generate", 0.5)
    second = records.start(job_id, MODEL)
    assert (first, second) == (1, 2)
    assert (read(records, job_id).stage, read(records, job_id).progress) == (None, 0.0)
    with pytest.raises(StaleAttemptError, match="attempt 1"):
        records.advance(job_id, first, "mux", 0.9)
    with pytest.raises(StaleAttemptError):
        records.complete(job_id, first)
    records.complete(job_id, second)
    assert read(records, job_id).progress == 1.0


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED])
def test_progress_is_refused_while_nobody_works_on_the_job(
    records: JobRecords, redis: Redis, status: JobStatus
) -> None:
    job_id = make(records, redis, status)
    with pytest.raises(IllegalMoveError):
        records.advance(job_id, 1, "mux", 0.9)


def test_a_failure_keeps_its_reason_and_a_new_attempt_forgets_the_old_times(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis, JobStatus.IN_PROGRESS)
    records.requeue(job_id, 1)
    assert read(records, job_id).started_at is None
    records.fail(job_id, ERROR)
    record = read(records, job_id)
    assert (record.error, record.is_final) == (ERROR, True)
    assert record.finished_at is not None


@pytest.mark.parametrize("status", JobStatus)
def test_only_finished_records_expire(records: JobRecords, redis: Redis, status: JobStatus) -> None:
    left = redis.ttl(records.key(make(records, redis, status)))
    assert 0 < left <= 100 if not MOVES[status] else left == -1


@pytest.mark.parametrize("move", MOVE.values())
def test_an_unknown_job_cannot_be_moved(
    records: JobRecords, redis: Redis, move: Callable[[JobRecords, str], object]
) -> None:
    with pytest.raises(UnknownJobError, match=UNKNOWN):
        move(records, UNKNOWN)
    assert redis.keys() == []
    assert records.get(UNKNOWN) is None


@pytest.mark.parametrize("job_id", ["", "../../etc", "A" * 32, "0" * 31, "0" * 33, "0" * 31 + "\n", "*" * 32])
def test_a_malformed_id_reaches_no_key(records: JobRecords, job_id: str) -> None:
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        records.get(job_id)


def test_of_many_that_end_a_job_at_once_one_wins(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis, JobStatus.IN_PROGRESS)
    moves = [MOVE[JobStatus.COMPLETED], MOVE[JobStatus.FAILED], MOVE[JobStatus.CANCELED]] * 8

    def attempt(move: Callable[[JobRecords, str], object]) -> bool:
        try:
            move(records, job_id)
        except RecordError:
            return False
        return True

    with ThreadPoolExecutor(len(moves)) as pool:
        assert sum(pool.map(attempt, moves)) == 1
