"""What is learnt from completed jobs, and kept in Redis."""

import pytest
from redis import Redis

from jobs.estimates import Forecast, Paces
from jobs.infra import liveness
from jobs.record import JobKind, JobRecord
from jobs.repository import JobRecords
from model_core.options import ModelInfo, ScoreOptions

MODEL = ModelInfo(name="mine", version="1", kind="none", licence="CC0-1.0")
OTHER = MODEL.model_copy(update={"name": "other"})


@pytest.fixture
def records(redis: Redis) -> JobRecords:
    return JobRecords(redis, record_retention_s=100)


@pytest.fixture
def paces(redis: Redis, records: JobRecords) -> Paces:
    return Paces(redis, records, heartbeat_ttl_s=60)


def job(seconds: float, model: ModelInfo = MODEL, kind: JobKind = JobKind.SCORE) -> JobRecord:
    return JobRecord.new("", ScoreOptions(), {"duration": seconds}, model=model, kind=kind)


def test_nothing_is_known_at_first(paces: Paces) -> None:
    assert paces.forecast(queue=True) == Forecast()


def test_seconds_are_for_a_second_of_video_and_averages_move(paces: Paces) -> None:
    paces.record(job(10.0), {"curve": 5.0, "generate": 20.0})
    paces.record(job(2.0), {"curve": 3.0, "generate": 4.0})
    forecast = paces.forecast(queue=False)
    learnt = forecast.paces["score mine 1"].stages
    # 0.7 * 0.5 + 0.3 * 1.5, 0.7 * 2 + 0.3 * 2, and for the whole job 0.7 * 25 + 0.3 * 7
    assert learnt == {"curve": pytest.approx(0.8), "generate": pytest.approx(2.0)}
    assert forecast.job_s == pytest.approx(19.6)
    assert forecast.paces["score"].stages == learnt


def test_models_and_kinds_are_kept_apart(paces: Paces) -> None:
    paces.record(job(1.0), {"curve": 1.0})
    paces.record(job(1.0, OTHER), {"curve": 3.0})
    paces.record(job(1.0, kind=JobKind.CURVE), {"curve": 9.0})
    learnt = {name: pace.stages["curve"] for name, pace in paces.forecast(queue=False).paces.items()}
    assert learnt == {
        "score mine 1": 1.0,
        "score other 1": 3.0,
        "score": pytest.approx(0.7 * 1 + 0.3 * 3),
        "curve mine 1": 9.0,
        "curve": 9.0,
    }


def test_a_job_of_unknown_length_teaches_nothing(paces: Paces, redis: Redis) -> None:
    paces.record(JobRecord.new("", ScoreOptions(), {}, model=MODEL), {"curve": 1.0})
    assert redis.keys() == []


def test_the_queue_is_told_who_works_on_what(paces: Paces, records: JobRecords, redis: Redis) -> None:
    waiting, busy = job(1.0), job(2.0)
    with redis.pipeline() as pipeline:
        for record in (waiting, busy):
            records.create(record, pipeline)
        pipeline.execute()
    records.start(busy.id, MODEL, "a")
    liveness.record_heartbeat(redis, "a")
    redis.zadd("v2m:workers", {"long silent": 1.0})
    forecast = paces.forecast(queue=True)
    assert ([record.id for record in forecast.busy], forecast.workers) == ([busy.id], 1)
    assert paces.forecast(queue=False).busy == ()
