"""Tests of figures, their nulls, and their pooling over clips."""

import json
import math

import numpy as np
import pytest

from model_core.sync.chance import Figure, p_value, pool_figures, shift_figure, z_score
from model_core.sync.measures import beat_alignment, cut_hit_f1

EVENTS = np.array([1.3, 4.1, 5.9, 9.2, 13.7, 17.1])
DURATION = 20.0


def test_perfect_hits_on_uneven_events_are_beyond_chance() -> None:
    figure = shift_figure(lambda events: cut_hit_f1(events, EVENTS), EVENTS, DURATION)
    assert figure.value == 1.0
    assert len(figure.null) == 200
    assert figure.p == pytest.approx(1 / 201)
    assert figure.mean < 0.15
    assert figure.z > 5


def test_music_half_a_second_late_finds_its_place_among_its_own_shifts() -> None:
    figure = shift_figure(lambda events: cut_hit_f1(events, EVENTS + 0.5), EVENTS, DURATION)
    assert figure.value == 0.0
    assert figure.null[0] == 1.0  # the first shift is that half second
    assert figure.null[-1] < 0.5
    assert figure.p == 1.0


def test_shifts_wrap_round_and_stay_half_a_second_away() -> None:
    seen: list[np.ndarray] = []

    def remember(events: np.ndarray) -> float:
        seen.append(events)
        return float(len(seen))

    figure = shift_figure(remember, np.array([1.0, 19.8]), DURATION, shifts=5)
    shifted = [[0.3, 1.5], [5.05, 6.25], [9.8, 11.0], [14.55, 15.75], [0.5, 19.3]]
    np.testing.assert_allclose(sorted(map(list, seen)), sorted([[1.0, 19.8], *shifted]))
    assert figure.value not in figure.null
    assert len(figure.null) == 5


def test_a_dense_metronome_looks_fine_and_is_at_chance() -> None:
    clicks = np.arange(0, DURATION, 0.1)
    figure = shift_figure(lambda events: beat_alignment(events, clicks), EVENTS, DURATION)
    assert figure.value > 0.6
    assert abs(figure.z) < 2.5
    assert figure.p > 0.01


def test_too_short_a_video_cannot_be_shifted() -> None:
    with pytest.raises(ValueError, match="cannot be shifted"):
        shift_figure(lambda events: 0.0, np.array([0.5]), 1.0)


def test_z_and_p_by_hand() -> None:
    figure = Figure(5.0, np.array([1.0, 3.0, 5.0, 3.0]))
    assert figure.mean == 3.0
    assert figure.z == pytest.approx(2 / math.sqrt(2))
    assert figure.p == pytest.approx((1 + 1) / (1 + 4))
    assert p_value(5.1, figure.null) == pytest.approx(1 / 5)
    assert p_value(0.0, figure.null) == 1.0


def test_a_null_that_does_not_vary() -> None:
    assert z_score(2.0, np.full(9, 2.0)) == 0.0
    assert z_score(3.0, np.full(9, 2.0)) == math.inf
    assert z_score(1.0, np.full(9, 2.0)) == -math.inf
    assert p_value(2.0, np.full(9, 2.0)) == 1.0


def test_a_figure_survives_json() -> None:
    figure = Figure(0.25, np.array([0.1, 0.123456789]))
    again = Figure.from_json(json.loads(json.dumps(figure.to_json())))
    assert again.value == 0.25
    np.testing.assert_allclose(again.null, figure.null, atol=1e-6)


def figures(values: list[float], null: float = 0.1) -> list[list[Figure]]:
    rng = np.random.default_rng(1)
    return [[Figure(value, rng.normal(null, 0.05, 200))] for value in values]


def test_pooling_means_over_runs_then_clips() -> None:
    constant = np.full(10, 0.2)
    one, two = [Figure(0.0, constant), Figure(1.0, constant)], [Figure(1.0, constant)]
    found = pool_figures([one, two])
    assert found.value == pytest.approx(0.75)  # not 2/3: each clip counts once
    assert found.null_mean == pytest.approx(0.2)
    assert found.clips == 2


def test_the_pooled_null_is_narrower_than_a_single_one() -> None:
    many = pool_figures(figures([0.5] * 25))
    assert many.null_mean == pytest.approx(0.1, abs=0.01)
    assert many.null_high == pytest.approx(0.1 + 1.645 * 0.05 / 5, abs=0.006)
    assert many.z == pytest.approx(0.4 / (0.05 / 5), rel=0.15)
    assert many.p == pytest.approx(1 / 2001)


def test_the_interval_holds_the_mean_and_narrows_with_more_clips() -> None:
    few, many = (pool_figures(figures([0.3, 0.7] * n)) for n in (4, 64))
    for found in (few, many):
        assert found.low < found.value < found.high
        assert found.value == pytest.approx(0.5)
    assert many.high - many.low == pytest.approx((few.high - few.low) / 4, rel=0.3)
    # Of 128 clips with deviation 0.2: 1.96 * 0.2 / sqrt(128) either way.
    assert many.high - many.value == pytest.approx(1.96 * 0.2 / math.sqrt(128), rel=0.2)


def test_pooling_repeats_itself_and_needs_runs() -> None:
    assert pool_figures(figures([0.2, 0.9])) == pool_figures(figures([0.2, 0.9]))
    assert pool_figures(figures([0.2, 0.9]), seed=1) != pool_figures(figures([0.2, 0.9]))
    with pytest.raises(ValueError, match="at least one"):
        pool_figures([])
    with pytest.raises(ValueError, match="at least one"):
        pool_figures([[]])
