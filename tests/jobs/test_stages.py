"""One number over all stages, and back again."""

import pytest

from jobs.estimates import PUBLISH, list_stages, overall_progress, stage_fraction
from jobs.record import JobKind
from model_core.options import STAGES


def test_the_stages_are_those_of_the_method() -> None:
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
def test_it_can_be_turned_round(kind: JobKind) -> None:
    for stage in list_stages(kind)[:-1]:
        assert stage_fraction(kind, stage, overall_progress(kind, stage, 0.3)) == pytest.approx(0.3)
        assert stage_fraction(kind, stage, 0.0) == 0.0
        assert stage_fraction(kind, stage, 1.0) == pytest.approx(1.0)


def test_a_stage_that_a_kind_does_not_have() -> None:
    with pytest.raises(KeyError):
        overall_progress(JobKind.CURVE, "generate", 0.5)
