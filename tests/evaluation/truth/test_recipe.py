"""The whole recipe, before anything is drawn."""

from collections import Counter

import numpy as np
import pytest

from model_core.evaluation.truth.pictures import TICKS_PER_SECOND, first_shown, frame_ticks
from model_core.evaluation.truth.recipe import END_S, PACES, PLAN, PORTRAIT, RATES, event_times, recipe


def test_the_set_is_large_and_spread() -> None:
    specs = recipe(footage=True)
    assert len(specs) >= 60
    assert Counter(spec.kind for spec in specs) == PLAN
    assert len({spec.name for spec in specs}) == len(specs)
    assert {spec.rate for spec in specs} == set(RATES)
    assert min(spec.rate for spec in specs) == 12
    assert max(spec.rate for spec in specs) == 60
    assert min(spec.duration for spec in specs) == 5.0
    assert max(spec.duration for spec in specs) == 180.0
    assert sum(spec.variable for spec in specs) >= 10
    assert sum(spec.size == PORTRAIT for spec in specs) >= 8
    assert {spec.pace for spec in specs} == set(PACES)


def test_without_footage_its_clips_are_left_out() -> None:
    assert {spec.kind for spec in recipe(footage=False)} == set(PLAN) - {"footage"}


def test_any_beginning_is_a_spread_and_long_clips_come_last() -> None:
    specs = recipe(footage=True)
    assert {spec.kind for spec in specs[: len(PLAN)]} == set(PLAN)
    assert max(spec.duration for spec in specs[:60]) < 20


def test_a_seed_is_a_recipe() -> None:
    assert recipe(True, 3) == recipe(True, 3)
    assert recipe(True, 3) != recipe(True, 4)


@pytest.mark.parametrize("pace", PACES)
def test_events_keep_their_distance_from_each_other_and_from_the_ends(pace: str) -> None:
    for seed in range(20):
        times = event_times(np.random.default_rng(seed), 12.0, pace)
        assert times[0] >= END_S
        assert times[-1] <= 12.0 - END_S
        gaps = np.diff(times)
        assert np.all((gaps >= PACES[pace][0]) & (gaps <= PACES[pace][1]))


def test_frames_of_a_constant_rate_are_evenly_spaced() -> None:
    for rate in RATES:
        ticks = frame_ticks(np.random.default_rng(0), 10.0, rate, variable=False)
        assert len(ticks) == round(10 * rate)
        assert np.ptp(np.diff(ticks)) <= 1


def test_frames_of_a_variable_rate_are_not() -> None:
    ticks = frame_ticks(np.random.default_rng(0), 10.0, RATES[0], variable=True)
    steps = np.diff(ticks) / TICKS_PER_SECOND
    assert ticks[0] == 0
    assert steps.min() > 0.02
    assert steps.max() > 0.06
    assert 200 < len(ticks) < 245


def test_an_event_begins_with_the_first_frame_that_is_not_before_it() -> None:
    times = np.array([0.0, 0.04, 0.08, 0.12])
    assert first_shown(times, 0.05) == 0.08
    assert first_shown(times, 0.08) == 0.08
    assert first_shown(times, 9.0) == 0.12
