"""Event curves: the arithmetic of the paper, the floor under the deviation, peaks and their redrawing."""

import itertools

import numpy as np
import pytest

from model_core.curves.event_curve import (
    LEAST_STRENGTH,
    PULSE_SCALE,
    EventCurve,
    contrast_curve,
    draw_peaks,
    event_curve,
)
from model_core.plan.events import Events

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
    drawn = draw_peaks(Events(np.array([2.0, 6.0]), np.array([1.0, 0.5])), times)
    assert drawn[40] == pytest.approx(PULSE_SCALE)
    assert drawn[120] == pytest.approx(PULSE_SCALE / 2)
    assert drawn[80] < 1e-6
    assert not draw_peaks(Events(np.zeros(0), np.zeros(0)), times).any()


POOLS = (1, 4, 8, 12)


def _blended(shares: np.ndarray, seed: int = 4) -> np.ndarray:
    """Features on the way through several pictures: share n + 0.5 is half picture n, half picture n + 1."""
    pictures = np.random.default_rng(seed).normal(size=(int(shares.max()) + 2, 64)) / 8
    whole = shares.astype(int)
    part = (shares - whole)[:, None]
    return np.asarray((1 - part) * pictures[whole] + part * pictures[whole + 1], np.float32)


def _ramp(middle: float, frames: int, length: int = 120) -> np.ndarray:
    """0 before, 1 after, even in between: a dissolve of so many frames."""
    return np.clip((np.arange(length) - middle) / frames + 0.5, 0, 1)


@pytest.mark.parametrize("frames", [4, 6, 8, 10])
def test_the_middle_of_a_dissolve_is_its_peak(frames: int) -> None:
    features = _blended(_ramp(60, frames))
    events = contrast_curve(features, _times(), "test", pools=POOLS, window=0.2).peaks()
    np.testing.assert_allclose(events.times, [60 / RATE], atol=0.5 / RATE + 1e-9)


def test_a_cut_next_to_a_dissolve_keeps_its_frame() -> None:
    shares = _ramp(40, 8) + (np.arange(120) >= 50)
    known = _times() - 0.01
    events = contrast_curve(_blended(shares), _times(), "test", pools=POOLS, window=0.2, changed=known).peaks()
    assert events.times[1] == known[50]
    np.testing.assert_allclose(events.times, [40 / RATE, known[50]], atol=0.1)


@pytest.mark.parametrize("speed", [0.1, 0.3, 1.0, 3.0])
def test_a_steady_pan_has_no_peak_whatever_its_speed(speed: float) -> None:
    # Waves of many lengths that glide by: all moments of it are alike, as over an endless canvas.
    rng = np.random.default_rng(5)
    lengths, phases = rng.uniform(0.5, 4, 400), rng.uniform(0, 2 * np.pi, 400)
    features = (np.cos(lengths * speed * _times()[:, None] + phases) / np.sqrt(400)).astype(np.float32)
    curve = contrast_curve(features, _times(), "test", pools=POOLS, window=0.2, std_floor=0.08)
    assert len(curve.peaks()) == 0
    # The same canvas left by a cut: one event, and it stands clear of the motion.
    cut = np.where(_times()[:, None] < 60 / RATE, features, features[:, ::-1])
    events = contrast_curve(cut, _times(), "test", pools=POOLS, window=0.2, std_floor=0.08).peaks()
    np.testing.assert_allclose(events.times, [59.5 / RATE])


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 9])
def test_contrast_of_very_short_clips(frames: int) -> None:
    still = contrast_curve(np.ones((frames, 4), np.float32), np.arange(frames) / RATE, "test", pools=POOLS, window=0.2)
    assert len(still.times) == len(still.values) == max(1, frames - 1)
    assert not still.values.any()
    assert len(still.peaks()) == 0


def test_a_cut_in_a_clip_shorter_than_the_widest_side_is_found() -> None:
    features = np.asarray(_shots([5], frames=9) / 8, np.float32)
    curve = contrast_curve(features, _times(9), "test", pools=POOLS, window=0.2)
    np.testing.assert_allclose(curve.peaks().times, [4.5 / RATE])


def test_strength_is_what_stays_changed_where_the_sizes_are_known() -> None:
    shares = np.where(np.arange(120) < 30, 0.0, 1.0)  # a cut, and a flash of one frame
    shares[70] = 2.0
    events = contrast_curve(_blended(shares), _times(), "test", pools=POOLS, window=0.2).peaks()
    assert len(events) == 2
    assert events.strengths[0] == 1.0
    assert events.strengths[1] == LEAST_STRENGTH


def test_sizes_choose_no_events() -> None:
    values = np.zeros(100)
    values[[30, 70]] = [5.0, 4.0]
    plain = EventCurve(np.arange(100) / 25, values, "test").peaks()
    sized = EventCurve(np.arange(100) / 25, values, "test", sizes=np.linspace(0, 1, 100)).peaks()
    np.testing.assert_array_equal(plain.times, sized.times)
    np.testing.assert_allclose(plain.strengths, [1.0, 4.0 / 4.9], atol=1e-9)
    assert sized.strengths[0] < sized.strengths[1] == 1.0
