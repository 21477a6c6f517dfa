"""Job records on a real server: allowed and refused transitions, and races between workers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from redis import Redis

from jobs.record import TRANSITIONS, Artifact, JobError, JobRecord, JobStatus
from jobs.repository import (
    CancelRequestedError,
    IllegalTransitionError,
    JobRecords,
    RecordError,
    StaleAttemptError,
    UnknownJobError,
)
from model_core.options import ModelInfo, ScoreOptions
from model_core.results import Variant

ERROR = JobError(code="no_frames", detail="holds no frame", field="video")
UNKNOWN = "0" * 32
MODEL = ModelInfo(name="one", version="2", kind="stable-audio-3", licence="CC0-1.0", base="another")

WORKER = "0123456789ab-1-00000000"
FILES = {Variant.VIDEO: Artifact(name="video.mp4", bytes=3)}

TRANSITION: dict[JobStatus, Callable[[JobRecords, str], object]] = {
    JobStatus.QUEUED: lambda records, job_id: records.requeue(job_id, 1),
    JobStatus.IN_PROGRESS: lambda records, job_id: records.start(job_id, MODEL, WORKER),
    JobStatus.COMPLETED: lambda records, job_id: records.complete(job_id, 1, FILES),
    JobStatus.FAILED: lambda records, job_id: records.fail(job_id, ERROR),
    JobStatus.CANCELED: lambda records, job_id: records.request_cancel(job_id),
}


@pytest.fixture
def records(redis: Redis) -> JobRecords:
    return JobRecords(redis, record_retention_s=100)


def make(records: JobRecords, redis: Redis, status: JobStatus = JobStatus.QUEUED) -> str:
    """A job that reached ``status`` by the usual transitions."""
    record = JobRecord.new("a prompt: ä\n", ScoreOptions(seed=3), {"duration": 1.5, "audio_codec": None})
    with redis.pipeline() as pipeline:
        records.create(record, pipeline)
        pipeline.execute()
    if status is JobStatus.CANCELED:
        records.request_cancel(record.id)
    elif status is not JobStatus.QUEUED:
        records.start(record.id, MODEL, WORKER)
    if status in (JobStatus.COMPLETED, JobStatus.FAILED):
        TRANSITION[status](records, record.id)
    return record.id


def read(records: JobRecords, job_id: str) -> JobRecord:
    record = records.get(job_id)
    assert record is not None
    return record


def apply_transition(records: JobRecords, redis: Redis, source: JobStatus, target: JobStatus) -> JobStatus:
    """Status of a job at ``source`` after all requests that lead to ``target``."""
    job_id = make(records, redis, source)
    with suppress(RecordError):
        TRANSITION[target](records, job_id)
    if target is JobStatus.CANCELED:
        with suppress(RecordError):
            records.cancel(job_id, 1)
    return read(records, job_id).status


@pytest.mark.parametrize("source", JobStatus)
@pytest.mark.parametrize("target", JobStatus)
def test_only_allowed_transitions_happen(
    records: JobRecords, redis: Redis, source: JobStatus, target: JobStatus
) -> None:
    expected = target if target in TRANSITIONS[source] else source
    assert apply_transition(records, redis, source, target) is expected


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED])
@pytest.mark.parametrize("target", JobStatus)
def test_final_status_does_not_change(records: JobRecords, redis: Redis, status: JobStatus, target: JobStatus) -> None:
    job_id = make(records, redis, status)
    before = read(records, job_id)
    with suppress(RecordError):
        TRANSITION[target](records, job_id)
    assert read(records, job_id) == before


def test_record_comes_back_as_it_was_written(records: JobRecords, redis: Redis) -> None:
    record = read(records, make(records, redis))
    assert (record.prompt, record.options.seed) == ("a prompt: ä\n", 3)
    assert record.video == {"duration": 1.5, "audio_codec": None}
    assert record.created_at.utcoffset() is not None
    assert (record.status, record.attempt, record.error, record.started_at) == (JobStatus.QUEUED, 0, None, None)
    assert record.model is None


def test_record_names_the_current_model_and_worker(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis, JobStatus.IN_PROGRESS)
    assert (read(records, job_id).model, read(records, job_id).worker) == (MODEL, WORKER)
    records.requeue(job_id, 1)
    assert (read(records, job_id).model, read(records, job_id).worker) == (None, None)
    other = MODEL.model_copy(update={"name": "other", "base": None})
    records.complete(job_id, records.start(job_id, other, WORKER), FILES)
    assert (read(records, job_id).model, read(records, job_id).worker) == (other, None)
    assert read(records, job_id).artifacts == FILES


def test_record_from_before_a_field_can_be_read(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis)
    redis.hdel(records.key(job_id), "model", "crashes", "artifacts")
    assert (read(records, job_id).model, read(records, job_id).crashes) == (None, 0)


def test_attempt_writes_progress_until_another_starts(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis)
    first = records.start(job_id, MODEL, WORKER)
    records.advance(job_id, first, "generate", 0.5)
    assert (read(records, job_id).stage, read(records, job_id).progress) == ("generate", 0.5)
    assert records.requeue_lost(job_id, first, 2, ERROR) is JobStatus.QUEUED
    second = records.start(job_id, MODEL, "another")
    assert (first, second) == (1, 2)
    assert (read(records, job_id).stage, read(records, job_id).progress) == (None, 0.0)
    late_calls: list[Callable[[], object]] = [
        lambda: records.advance(job_id, first, "mux", 0.9),
        lambda: records.renew_lease(job_id, first),
        lambda: records.complete(job_id, first, FILES),
        lambda: records.fail(job_id, ERROR, first),
        lambda: records.cancel(job_id, first),
        lambda: records.requeue(job_id, first),
        lambda: records.requeue_lost(job_id, first, 2, ERROR),
    ]
    for late in late_calls:
        with pytest.raises(StaleAttemptError, match=job_id):
            late()
    records.complete(job_id, second, FILES)
    assert (read(records, job_id).progress, read(records, job_id).crashes) == (1.0, 1)


def test_stale_attempt_cannot_fail_a_queued_job(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis, JobStatus.IN_PROGRESS)
    records.requeue_lost(job_id, 1, 2, ERROR)
    with pytest.raises(IllegalTransitionError):
        records.fail(job_id, ERROR, 1)
    assert read(records, job_id).status is JobStatus.QUEUED


def test_failure_after_a_cancel_request_is_canceled(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis, JobStatus.IN_PROGRESS)
    records.request_cancel(job_id)
    for _ in range(2):  # an answer may get lost
        records.fail(job_id, ERROR, 1)
    assert (read(records, job_id).status, read(records, job_id).error) == (JobStatus.CANCELED, None)


def test_repeated_request_takes_effect_once(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis)
    assert [records.start(job_id, MODEL, WORKER) for _ in range(2)] == [1, 1]
    assert [records.requeue_lost(job_id, 1, 2, ERROR) for _ in range(2)] == [JobStatus.QUEUED] * 2
    assert (read(records, job_id).crashes, records.start(job_id, MODEL, WORKER)) == (1, 2)
    for _ in range(2):
        records.complete(job_id, 2, FILES)
    finished = read(records, job_id).finished_at
    records.complete(job_id, 2, FILES)
    assert read(records, job_id).finished_at == finished


def test_running_job_is_not_started_by_another_worker(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis, JobStatus.IN_PROGRESS)
    with pytest.raises(IllegalTransitionError):
        records.start(job_id, MODEL, "another")
    assert read(records, job_id).attempt == 1


@pytest.mark.parametrize(
    ("give_back", "counter", "times"),
    [
        (lambda records, job_id, attempt: records.requeue_lost(job_id, attempt, 2, ERROR), "crashes", 2),
        (lambda records, job_id, attempt: records.requeue_unstored(job_id, attempt, 3, ERROR), "retries", 4),
    ],
)
def test_job_fails_once_it_was_requeued_too_often(
    records: JobRecords, redis: Redis, give_back: Callable[[JobRecords, str, int], JobStatus], counter: str, times: int
) -> None:
    job_id = make(records, redis)
    ends = [give_back(records, job_id, records.start(job_id, MODEL, WORKER)) for _ in range(times)]
    assert ends == [JobStatus.QUEUED] * (times - 1) + [JobStatus.FAILED]
    record = read(records, job_id)
    assert (record.error, getattr(record, counter), record.attempt) == (ERROR, times, times)
    assert record.finished_at is not None


def test_shutdown_of_a_worker_counts_as_no_crash(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis)
    for attempt in range(1, 10):
        assert records.requeue(job_id, records.start(job_id, MODEL, WORKER)) is JobStatus.QUEUED
        assert read(records, job_id).attempt == attempt
    assert (read(records, job_id).crashes, read(records, job_id).retries) == (0, 0)


def test_job_in_progress_is_canceled_by_its_worker(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis, JobStatus.IN_PROGRESS)
    assert records.request_cancel(job_id) is JobStatus.IN_PROGRESS
    assert read(records, job_id).cancel_requested
    steps: list[Callable[[], object]] = [
        lambda: records.advance(job_id, 1, "mux", 0.9),
        lambda: records.complete(job_id, 1, FILES),
    ]
    for step in steps:
        with pytest.raises(CancelRequestedError):
            step()
    records.cancel(job_id, 1)
    assert (read(records, job_id).status, read(records, job_id).artifacts) == (JobStatus.CANCELED, {})


@pytest.mark.parametrize(
    "lost",
    [
        lambda records, job_id: records.requeue(job_id, 1),
        lambda records, job_id: records.requeue_lost(job_id, 1, 2, ERROR),
        lambda records, job_id: records.requeue_unstored(job_id, 1, 2, ERROR),
    ],
)
def test_canceled_job_is_not_requeued(
    records: JobRecords, redis: Redis, lost: Callable[[JobRecords, str], JobStatus]
) -> None:
    job_id = make(records, redis, JobStatus.IN_PROGRESS)
    records.request_cancel(job_id)
    assert lost(records, job_id) is JobStatus.CANCELED
    assert (read(records, job_id).status, read(records, job_id).crashes) == (JobStatus.CANCELED, 0)


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED])
def test_progress_is_refused_unless_in_progress(records: JobRecords, redis: Redis, status: JobStatus) -> None:
    job_id = make(records, redis, status)
    with pytest.raises(RecordError):
        records.advance(job_id, 1, "mux", 0.9)


def test_failure_keeps_its_reason_and_a_new_attempt_forgets_the_old_times(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis, JobStatus.IN_PROGRESS)
    records.requeue(job_id, 1)
    assert read(records, job_id).started_at is None
    records.fail(job_id, ERROR)
    record = read(records, job_id)
    assert (record.error, record.is_final) == (ERROR, True)
    assert record.finished_at is not None


@pytest.mark.parametrize("status", JobStatus)
def test_indexes_list_open_jobs_and_kept_files(records: JobRecords, redis: Redis, status: JobStatus) -> None:
    job_id = make(records, redis, status)
    open_, over = ([job_id], []) if TRANSITIONS[status] else ([], [job_id])
    assert records.list_open() == open_
    assert records.list_kept("uploads") == records.list_kept("results") == over
    assert records.list_kept("results", before=1.0) == []
    held = records.lease_age_s(job_id)
    assert 0 <= held < 60 if status is JobStatus.IN_PROGRESS else held == float("inf")
    assert redis.ttl(records.key(job_id)) == -1


def test_record_outlives_its_files_for_a_while(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis, JobStatus.COMPLETED)
    records.mark_upload_removed(job_id)
    assert (records.list_kept("uploads"), records.list_kept("results")) == ([], [job_id])
    records.mark_expired(job_id)
    assert records.list_kept("results") == []
    record = read(records, job_id)
    assert (record.status, record.artifacts) == (JobStatus.COMPLETED, {})
    assert record.expired_at is not None
    assert 0 < redis.ttl(records.key(job_id)) <= 100


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.IN_PROGRESS])
def test_open_job_does_not_expire(records: JobRecords, redis: Redis, status: JobStatus) -> None:
    job_id = make(records, redis, status)
    with pytest.raises(IllegalTransitionError):
        records.mark_expired(job_id)
    assert redis.ttl(records.key(job_id)) == -1


@pytest.mark.parametrize("move", TRANSITION.values())
def test_unknown_job_has_no_transition(
    records: JobRecords, redis: Redis, move: Callable[[JobRecords, str], object]
) -> None:
    with pytest.raises(UnknownJobError, match=UNKNOWN):
        move(records, UNKNOWN)
    assert redis.keys() == []
    assert records.get(UNKNOWN) is None


@pytest.mark.parametrize("job_id", ["", "../../etc", "A" * 32, "0" * 31, "0" * 33, "0" * 31 + "\n", "*" * 32])
def test_malformed_id_reaches_no_key(records: JobRecords, job_id: str) -> None:
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        records.get(job_id)


def test_one_of_many_concurrent_ends_wins(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis, JobStatus.IN_PROGRESS)
    errors = [JobError(code=f"code_{number}", detail="") for number in range(12)]
    moves: list[Callable[[], object]] = [lambda: records.complete(job_id, 1, FILES) for _ in errors]
    moves += [lambda error=error: records.fail(job_id, error, 1) for error in errors]  # type: ignore[misc]
    seen = []

    def attempt(move: Callable[[], object]) -> None:
        with suppress(RecordError):
            move()
        seen.append(read(records, job_id))

    with ThreadPoolExecutor(len(moves)) as pool:
        list(pool.map(attempt, moves))
    assert len(set(map(str, seen))) == 1, "every reader sees the same end"


def test_failure_is_recorded_once(records: JobRecords, redis: Redis) -> None:
    job_id = make(records, redis, JobStatus.IN_PROGRESS)
    records.fail(job_id, ERROR, 1)
    records.fail(job_id, JobError(code="other", detail=""))
    assert read(records, job_id).error == ERROR
