"""When jobs will be over, with numbers worked out by hand."""

from typing import Any

import pytest
from pydantic import JsonValue

from jobs.estimates import Forecast, Pace, overall_progress
from jobs.record import JobKind, JobRecord, JobStatus
from model_core.options import ModelInfo, ScoreOptions

MODEL = ModelInfo(name="mine", version="1", kind="none", licence="CC0-1.0")
# seconds for one second of video: 0.1 + 0.4 + 0 + 2 + 0.5 + 0.2 + 0.1 = 3.3
PACE = Pace(
    stages={"probe": 0.1, "curve": 0.4, "plan": 0.0, "generate": 2.0, "render": 0.5, "mux": 0.2, "publish": 0.1}
)
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
    ("record", "left_s"),
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
def test_what_is_left_of_a_job_in_progress(record: JobRecord, left_s: float) -> None:
    assert Forecast(PACES).eta_s(record) == pytest.approx(left_s)


def test_a_model_has_its_own_pace_and_a_new_one_that_of_all() -> None:
    own = Forecast({**PACES, "score mine 1": Pace(stages={"generate": 7.0})})
    assert own.eta_s(job(BUSY, model=MODEL)) == pytest.approx(70.0)
    assert own.eta_s(job(BUSY, model=MODEL.model_copy(update={"version": "2"}))) == pytest.approx(33.0)


def test_a_job_that_waits_counts_those_before_it() -> None:
    busy = job(BUSY, stage="generate", fraction=0.25), job(BUSY, seconds=None)  # 23 s left, and nobody knows: a mean
    queue = Forecast(PACES, job_s=40.0, busy=busy, workers=2)
    assert queue.eta_s(job(), 1) == pytest.approx((23 + 40) / 2 + 33)
    assert queue.eta_s(job(), 4) == pytest.approx((3 * 40 + 23 + 40) / 2 + 33)
    assert queue.eta_s(job(kind=JobKind.CURVE), 2) == pytest.approx((40 + 23 + 40) / 2 + 6)
    assert queue.eta_s(job(), None) == pytest.approx(33.0), "a worker takes it at this moment"
    assert Forecast(PACES, job_s=40.0, workers=1).eta_s(job(), 1) == pytest.approx(33.0)


def test_what_cannot_be_known_is_not_told() -> None:
    assert Forecast().eta_s(job(BUSY)) is None
    assert Forecast().eta_s(job(), 1) is None
    assert Forecast(PACES, job_s=40.0, workers=0).eta_s(job(), 1) is None, "nobody works"
    assert Forecast(PACES).eta_s(job(BUSY, seconds=None)) is None
    for status in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED):
        assert Forecast(PACES, job_s=40.0, workers=1).eta_s(job(status)) is None
