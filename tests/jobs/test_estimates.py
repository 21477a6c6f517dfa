"""Time estimates, paces and progress of jobs, with numbers calculated by hand."""

from typing import Any

import pytest
from pydantic import JsonValue
from redis import Redis

from jobs.estimates import PUBLISH, Forecast, Pace, Paces, list_stages, overall_progress, stage_fraction
from jobs.infra import processes
from jobs.record import JobKind, JobRecord, JobStatus
from jobs.repository import JobRecords
from model_core.options import STAGES, ModelInfo, ScoreOptions

MODEL = ModelInfo(name="mine", version="1", kind="none", licence="CC0-1.0")
# seconds for one second of video: 0.1 + 0.4 + 0 + 2 + 0.5 + 0.2 + 0.1 = 3.3
PACE = Pace(
    stages={"probe": 0.1, "curve": 0.4, "plan": 0.0, "generate": 2.0, "render": 0.5, "mux": 0.2, "publish": 0.1}
)
OTHER = MODEL.model_copy(update={"name": "other"})
PACES = {"score": PACE, "curve": Pace(stages={"probe": 0.1, "curve": 0.4, "publish": 0.1})}


def job(
    status: JobStatus = JobStatus.QUEUED, seconds: float | None = 10.0, stage: str | None = None, **others: Any
) -> JobRecord:
    kind = others.setdefault("kind", JobKind.SCORE)
    progress = overall_progress(kind, stage, others.pop("fraction", 0.0)) if stage in PACE.stages else 0.0
    video: dict[str, JsonValue] = {} if seconds is None else {"duration": seconds}
    return JobRecord.new("", ScoreOptions(), video, status=status, stage=stage, progress=progress, **others)


BUSY = JobStatus.IN_PROGRESS


@pytest.mark.parametrize(
    ("record", "remaining_s"),
    [
        (job(BUSY), 33.0),
        (job(BUSY, stage="waiting"), 33.0),
        (job(BUSY, stage="probe"), 33.0),
        (job(BUSY, stage="curve", fraction=0.5), 2.0 + 28.0),
        (job(BUSY, stage="generate", fraction=0.25), 15.0 + 8.0),
        (job(BUSY, stage="mux", fraction=1.0), 1.0),
        (job(BUSY, 20.0, stage="render", fraction=0.5), 5.0 + 4.0 + 2.0),
        (job(BUSY, kind=JobKind.CURVE), 6.0),
        (job(BUSY, kind=JobKind.CURVE, stage="curve", fraction=0.5), 2.0 + 1.0),
    ],
)
def test_remaining_time_of_a_job_in_progress(record: JobRecord, remaining_s: float) -> None:
    assert Forecast(PACES).eta_s(record) == pytest.approx(remaining_s)


def test_new_model_gets_the_average_pace() -> None:
    own = Forecast({**PACES, "score mine 1": Pace(stages={"generate": 7.0})})
    assert own.eta_s(job(BUSY, model=MODEL)) == pytest.approx(70.0)
    assert own.eta_s(job(BUSY, model=MODEL.model_copy(update={"version": "2"}))) == pytest.approx(33.0)


def test_waiting_job_counts_the_jobs_before_it() -> None:
    busy = job(BUSY, stage="generate", fraction=0.25), job(BUSY, seconds=None)  # 23 s left, and unknown: the mean
    queue = Forecast(PACES, job_s=40.0, busy=busy, workers=2)
    assert queue.eta_s(job(), 1) == pytest.approx((23 + 40) / 2 + 33)
    assert queue.eta_s(job(), 4) == pytest.approx((3 * 40 + 23 + 40) / 2 + 33)
    assert queue.eta_s(job(kind=JobKind.CURVE), 2) == pytest.approx((40 + 23 + 40) / 2 + 6)
    assert queue.eta_s(job(), None) == pytest.approx(33.0), "a worker takes it at this moment"
    assert Forecast(PACES, job_s=40.0, workers=1).eta_s(job(), 1) == pytest.approx(33.0)


def test_no_estimate_without_the_needed_figures() -> None:
    assert Forecast().eta_s(job(BUSY)) is None
    assert Forecast().eta_s(job(), 1) is None
    assert Forecast(PACES, job_s=40.0, workers=0).eta_s(job(), 1) is None, "no live worker"
    assert Forecast(PACES).eta_s(job(BUSY, seconds=None)) is None
    for status in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED):
        assert Forecast(PACES, job_s=40.0, workers=1).eta_s(job(status)) is None


@pytest.fixture
def records(redis: Redis) -> JobRecords:
    return JobRecords(redis, record_retention_s=100)


@pytest.fixture
def paces(redis: Redis, records: JobRecords) -> Paces:
    return Paces(redis, records, heartbeat_ttl_s=60)


def completed(seconds: float, model: ModelInfo = MODEL, kind: JobKind = JobKind.SCORE) -> JobRecord:
    return JobRecord.new("", ScoreOptions(), {"duration": seconds}, model=model, kind=kind)


def test_forecast_is_empty_at_first(paces: Paces) -> None:
    assert paces.forecast(queue=True) == Forecast()


def test_pace_is_a_moving_average_for_a_second_of_video(paces: Paces) -> None:
    paces.record(completed(10.0), {"curve": 5.0, "generate": 20.0})
    paces.record(completed(2.0), {"curve": 3.0, "generate": 4.0})
    forecast = paces.forecast(queue=False)
    learned = forecast.paces["score mine 1"].stages
    # 0.7 * 0.5 + 0.3 * 1.5, 0.7 * 2 + 0.3 * 2, and for the whole job 0.7 * 25 + 0.3 * 7
    assert learned == {"curve": pytest.approx(0.8), "generate": pytest.approx(2.0)}
    assert forecast.job_s == pytest.approx(19.6)
    assert forecast.paces["score"].stages == learned


def test_models_and_kinds_are_kept_apart(paces: Paces) -> None:
    paces.record(completed(1.0), {"curve": 1.0})
    paces.record(completed(1.0, OTHER), {"curve": 3.0})
    paces.record(completed(1.0, kind=JobKind.CURVE), {"curve": 9.0})
    learned = {name: pace.stages["curve"] for name, pace in paces.forecast(queue=False).paces.items()}
    assert learned == {
        "score mine 1": 1.0,
        "score other 1": 3.0,
        "score": pytest.approx(0.7 * 1 + 0.3 * 3),
        "curve mine 1": 9.0,
        "curve": 9.0,
    }


def test_job_of_unknown_duration_changes_no_pace(paces: Paces, redis: Redis) -> None:
    paces.record(JobRecord.new("", ScoreOptions(), {}, model=MODEL), {"curve": 1.0})
    assert redis.keys() == []


def test_forecast_for_the_queue_has_busy_jobs_and_workers(paces: Paces, records: JobRecords, redis: Redis) -> None:
    waiting, busy = completed(1.0), completed(2.0)
    with redis.pipeline() as pipeline:
        for record in (waiting, busy):
            records.create(record, pipeline)
        pipeline.execute()
    records.start(busy.id, MODEL, "a")
    processes.record_heartbeat(redis, "a")
    redis.zadd("v2m:workers", {"long silent": 1.0})
    forecast = paces.forecast(queue=True)
    assert ([record.id for record in forecast.busy], forecast.workers) == ([busy.id], 1)
    assert paces.forecast(queue=False).busy == ()


def test_stages_match_the_pipeline() -> None:
    assert list_stages(JobKind.SCORE) == [*STAGES, PUBLISH]
    assert list_stages(JobKind.CURVE) == ["probe", "curve", PUBLISH]


@pytest.mark.parametrize("kind", JobKind)
def test_progress_only_grows_and_ends_at_one(kind: JobKind) -> None:
    stages = list_stages(kind)[:-1]
    steps = [overall_progress(kind, stage, fraction / 4) for stage in stages for fraction in range(5)]
    assert steps == sorted(steps)
    assert steps[0] == 0.0
    assert steps[-1] == pytest.approx(1.0)
    assert overall_progress(kind, stages[-1], 7.0) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", JobKind)
def test_stage_fraction_inverts_overall_progress(kind: JobKind) -> None:
    for stage in list_stages(kind)[:-1]:
        assert stage_fraction(kind, stage, overall_progress(kind, stage, 0.3)) == pytest.approx(0.3)
        assert stage_fraction(kind, stage, 0.0) == 0.0
        assert stage_fraction(kind, stage, 1.0) == pytest.approx(1.0)


def test_unknown_stage_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        overall_progress(JobKind.CURVE, "generate", 0.5)
