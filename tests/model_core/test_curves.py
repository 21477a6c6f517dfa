"""Event curves: the arithmetic of the paper, the floor under the deviation, peaks and their redrawing."""

import itertools

import numpy as np
import pytest

from model_core.curves import PULSE_SCALE, EventCurve, Events, event_curve, peak_shaped

RATE = 12.5


def _shots(cuts: list[int], frames: int = 120, noise: float = 0.0) -> np.ndarray:
    """Features that are constant but for a jump at each cut."""
    rng = np.random.default_rng(3)
    edges = [0, *cuts, frames]
    rows = [np.tile(rng.normal(size=64), (b - a, 1)) for a, b in itertools.pairwise(edges)]
    return (np.concatenate(rows) + noise * rng.normal(size=(frames, 64))).astype(np.float32)


def _times(frames: int = 120) -> np.ndarray:
    return np.arange(frames) / RATE


def test_a_cut_is_a_peak_at_the_midpoint_of_its_two_frames() -> None:
    curve = event_curve(_shots([40, 90]), _times(), "test")
    events = curve.peaks()
    np.testing.assert_allclose(events.times, [39.5 / RATE, 89.5 / RATE])
    assert len(curve.times) == 119
    assert abs(curve.values.mean()) < 1e-9
    assert curve.values.std() == pytest.approx(1.0)


def test_a_better_known_moment_takes_the_place_of_the_midpoint() -> None:
    known = _times() - 0.01
    curve = event_curve(_shots([50]), _times(), "test", changed=known)
    assert curve.times[curve.values.argmax()] == known[50]
    np.testing.assert_array_equal(curve.values, event_curve(_shots([50]), _times(), "test").values)


def test_the_curve_is_the_root_of_the_cosine_dissimilarity() -> None:
    features = np.array([[1, 0], [0, 1], [0, 1], [1, 1]], np.float32)
    raw = np.sqrt([1.0, 0.0, 1 - np.sqrt(0.5)])
    curve = event_curve(features, np.arange(4.0), "test")
    np.testing.assert_allclose(curve.values, (raw - raw.mean()) / raw.std(), atol=1e-6)


def test_a_still_picture_stays_flat() -> None:
    still = event_curve(_shots([], noise=0.005), _times(), "test")
    assert np.abs(still.values).max() < 0.5
    assert len(still.peaks()) == 0
    constant = event_curve(np.ones((50, 8), np.float32), _times(50), "test")
    assert np.abs(constant.values).max() == 0.0


def test_the_floor_does_not_touch_a_lively_curve() -> None:
    lively = _shots([20, 60, 80], noise=0.1)
    with_floor = event_curve(lively, _times(), "test").values
    without = event_curve(lively, _times(), "test", std_floor=1e-9).values
    np.testing.assert_allclose(with_floor, without)


@pytest.mark.parametrize("frames", [1, 2])
def test_very_short_clips_give_a_curve_without_events(frames: int) -> None:
    curve = event_curve(np.ones((frames, 4), np.float32), np.arange(frames) / RATE, "test", window=0.2)
    assert len(curve.times) == len(curve.values) == 1
    assert len(curve.peaks()) == 0


def test_pooling_compares_the_means_of_both_sides() -> None:
    curve = event_curve(_shots([60], noise=0.2), _times(), "test", pool=6)
    assert curve.times[curve.values.argmax()] == pytest.approx(59.5 / RATE)
    assert len(curve.peaks()) == 1


def test_smoothing_keeps_the_place_of_a_peak() -> None:
    sharp = event_curve(_shots([50]), _times(), "test")
    smooth = event_curve(_shots([50]), _times(), "test", window=0.4)
    assert smooth.values.argmax() == sharp.values.argmax() == 49
    assert smooth.window == 0.4
    np.testing.assert_allclose(smooth.values[50:56], smooth.values[48:42:-1])


def test_fast_cutting_keeps_its_peaks_under_the_window() -> None:
    cuts = list(range(6, 118, 6))  # every 0.48 s
    curve = event_curve(_shots(cuts), _times(), "test", window=0.2)
    assert len(curve.peaks()) == len(cuts)


def test_values_between_points_are_linear_and_the_ends_are_held() -> None:
    curve = EventCurve(np.array([1.0, 2.0]), np.array([0.0, 4.0]), "test")
    np.testing.assert_allclose(curve.at(np.array([0.0, 1.25, 9.0])), [0, 1, 4])


def test_of_two_near_peaks_the_higher_one_stays() -> None:
    values = np.zeros(100)
    values[[30, 34, 70]] = [5.0, 3.0, 4.0]
    events = EventCurve(np.arange(100) / 25, values, "test").peaks(min_distance_s=0.32)
    np.testing.assert_allclose(events.times, [30 / 25, 70 / 25])
    assert events.strengths.max() == 1.0


def test_the_ends_of_a_clip_are_no_events() -> None:
    values = np.zeros(50)
    values[[0, 20, 49]] = [6.0, 4.0, 6.0]
    events = EventCurve(np.arange(50) / 25, values, "test").peaks()
    np.testing.assert_allclose(events.times, [20 / 25])


def test_peak_shaped_draws_each_event_at_its_strength() -> None:
    times = np.arange(0, 10, 0.05)
    drawn = peak_shaped(Events(np.array([2.0, 6.0]), np.array([1.0, 0.5])), times)
    assert drawn[40] == pytest.approx(PULSE_SCALE)
    assert drawn[120] == pytest.approx(PULSE_SCALE / 2)
    assert drawn[80] < 1e-6
    assert not peak_shaped(Events(np.zeros(0), np.zeros(0)), times).any()
