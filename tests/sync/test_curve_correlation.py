"""Tests of the correlation of two event curves, pooled over clips."""

import numpy as np
import pytest

from model_core.curves.event_curve import EventCurve
from model_core.sync.chance import RATE, Correlogram, correlate_curves, pool_correlations

DURATION = 40.0


def curve(seed: int, late: float = 0.0, sign: float = 1.0, window: float = 0.2) -> EventCurve:
    """Bumps at random times, `late` seconds late, going round at the end."""
    events = np.random.default_rng(seed).uniform(0, DURATION, 12)
    times = np.arange(0, DURATION, 0.04)
    distance = np.abs((times[:, None] - events - late + DURATION / 2) % DURATION - DURATION / 2)
    return EventCurve(times, sign * np.exp(-0.5 * (distance / 0.1) ** 2).sum(1), "test", window)


FLAT = EventCurve(np.array([0.0, DURATION]), np.zeros(2), "test", 0.2)


def test_a_curve_against_itself_delayed_gives_the_delay() -> None:
    found = pool_correlations([[correlate_curves(curve(n), curve(n, late=3 / RATE), DURATION, 0.2)] for n in range(5)])
    assert found.r == pytest.approx(1.0, abs=0.01)
    assert found.lag_s == pytest.approx(3 / RATE)
    assert found.p < 0.001
    assert found.z > 5
    assert found.clips == 5


def test_music_that_is_early_has_a_negative_lag() -> None:
    assert pool_correlations([[correlate_curves(curve(1), curve(1, late=-0.2), DURATION, 0.2)]]).lag_s == pytest.approx(
        -0.2
    )


def test_a_lag_beyond_the_reach_is_not_taken() -> None:
    late = [[correlate_curves(curve(n), curve(n, late=0.6), DURATION, 0.2)] for n in range(5)]
    assert pool_correlations(late).r < 0.4
    assert pool_correlations(late, max_lag_s=0.6).r == pytest.approx(1.0, abs=0.01)


def test_one_lag_serves_all_clips() -> None:
    mixed = [
        [correlate_curves(curve(n), curve(n, late=late), DURATION, 0.2)] for n, late in enumerate([0.24, 0.24, -0.24])
    ]
    found = pool_correlations(mixed)
    assert found.lag_s == pytest.approx(0.24)
    assert found.r == pytest.approx(2 / 3, abs=0.08)
    assert found.low < found.r < found.high


def test_the_products_are_those_of_pearsons_r() -> None:
    video, music = curve(1), curve(2)
    samples = int(DURATION * RATE)
    times = np.arange(samples) / RATE
    expected = np.corrcoef(video.at(times), np.roll(music.at(times), -7))[0, 1]
    found = correlate_curves(video, music, DURATION, 0.2)
    assert len(found.products) == samples
    assert found.products[7] / samples == pytest.approx(expected, abs=1e-9)


def test_unrelated_music_is_at_chance_although_the_best_lag_is_taken() -> None:
    found = pool_correlations([[correlate_curves(curve(n), curve(100 + n), DURATION, 0.2)] for n in range(20)])
    assert found.null_mean > 0.01  # the best of fifteen lags is above 0 by chance
    assert abs(found.r) < 0.12
    assert found.p > 0.01


def test_the_null_stays_a_second_away_from_the_true_place() -> None:
    products = np.zeros(200)
    products[[*range(25), *range(-24, 0)]] = 200.0  # high within a second of lag 0, and nowhere else
    found = pool_correlations([[Correlogram(products)]], max_lag_s=0.0)
    assert found.p == pytest.approx(1 / 2001)
    assert found.null_high == 0.0


def test_opposite_curves_are_not_praised() -> None:
    found = pool_correlations(
        [[correlate_curves(curve(n), curve(n, sign=-1.0), DURATION, 0.2)] for n in range(5)], max_lag_s=0.0
    )
    assert found.r == pytest.approx(-1.0)
    assert found.p > 0.99


def test_a_flat_curve_counts_with_zeros() -> None:
    perfect, flat = correlate_curves(curve(1), curve(1), DURATION, 0.2), correlate_curves(FLAT, curve(1), DURATION, 0.2)
    assert pool_correlations([[flat]]).r == 0.0
    assert pool_correlations([[perfect], [flat]]).r == pytest.approx(0.5)


def test_the_runs_of_a_clip_are_taken_together() -> None:
    perfect, flat = correlate_curves(curve(1), curve(1), DURATION, 0.2), correlate_curves(FLAT, curve(1), DURATION, 0.2)
    assert pool_correlations([[perfect, perfect, flat]]).r == pytest.approx(2 / 3)


def test_a_wide_window_forgives_a_late_hit() -> None:
    narrow, wide = (
        pool_correlations([[correlate_curves(curve(n), curve(n, late=0.5), DURATION, w)] for n in range(5)], 0.0).r
        for w in (0.2, 2.44)
    )
    assert narrow < 0.2
    assert wide > 0.7


def test_a_curve_that_is_smooth_already_is_left_alone() -> None:
    rough, smooth = curve(1, window=0.0), curve(1, window=0.4)
    a, b = (correlate_curves(one, one, DURATION, 0.4).products for one in (rough, smooth))
    assert not np.allclose(a, b)
    np.testing.assert_allclose(b, correlate_curves(smooth, smooth, DURATION, 0.2).products)


def test_a_correlogram_survives_json_and_needs_two_samples() -> None:
    one = correlate_curves(curve(1), curve(2), DURATION, 0.2)
    np.testing.assert_allclose(Correlogram.from_json(one.to_json()).products, one.products, atol=1e-3)
    with pytest.raises(ValueError, match="too short"):
        correlate_curves(curve(1), curve(2), 0.05, 0.2)
    with pytest.raises(ValueError, match="at least one"):
        pool_correlations([])
