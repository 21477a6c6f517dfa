"""One number that only grows, written now and then."""

import pytest

from model_core.options import STAGES
from worker.progress import Throttle, overall


def test_progress_only_grows_and_ends_at_one() -> None:
    steps = [overall(stage, fraction / 4) for stage in STAGES for fraction in range(5)]
    assert steps == sorted(steps)
    assert steps[0] == 0.0
    assert steps[-1] == pytest.approx(1.0)
    assert overall("mux", 7.0) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="not in tuple"):
        overall("nonsense", 0.5)


def test_a_new_stage_always_passes_the_throttle() -> None:
    throttle = Throttle()
    assert [throttle.lets_pass(stage) for stage in ("probe", "curve", "probe")] == [True, True, True]
