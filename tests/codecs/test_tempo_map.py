"""The tempo map meets strong events, never bends too far, and ends with the video."""

import numpy as np
import pytest

from model_core.plan.events import Events
from model_core.plan.tempo_map import MAX_BEND, TempoLimits, TempoMap, find_tempo_map, steady_tempo_map


def _events(times: list[float], strengths: list[float] | None = None) -> Events:
    return Events(np.array(times), np.array(strengths or [1.0] * len(times)))


def _distance_to_half_beats(tempo: TempoMap, event: float) -> float:
    half_beats = np.interp(
        np.arange(0, len(tempo.beat_in_bar), 0.5), np.arange(len(tempo.beat_times)), tempo.beat_times
    )
    return float(np.abs(half_beats - event).min())


def _check(tempo: TempoMap, duration: float) -> None:
    spacing = np.diff(tempo.beat_times)
    assert (spacing > 0).all()
    assert spacing.max() / spacing.min() <= (1 + MAX_BEND) / (1 - MAX_BEND) + 1e-9
    assert len(tempo.beat_in_bar) % 2 == 0
    assert len(tempo.beat_times) == len(tempo.beat_in_bar) + 1
    assert tempo.last_beat in (len(tempo.beat_in_bar), len(tempo.beat_in_bar) - 1)
    assert abs(tempo.beat_times[tempo.last_beat] - duration) <= 0.6 * spacing.max()
    assert tempo.beat_times[0] == 0.0


@pytest.mark.parametrize("seed", range(12))
def test_random_events_are_mostly_met(seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = [float(t) for t in np.cumsum(rng.uniform(1.0, 4.0, 6)) + 0.6]
    duration = times[-1] + 2.0
    tempo = find_tempo_map(duration, float(rng.uniform(70, 130)), _events(times))
    _check(tempo, duration)
    assert len(tempo.hit_points) >= 4
    for hit in tempo.hit_points:
        assert _distance_to_half_beats(tempo, hit) < 0.015


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_events_the_bends_stay_small(seed: int) -> None:
    rng = np.random.default_rng([seed, 1])
    duration, bpm = float(rng.uniform(1, 40)), float(rng.uniform(60, 140))
    times = np.sort(rng.uniform(0, duration, int(rng.integers(0, 30))))
    tempo = find_tempo_map(duration, bpm, Events(times, rng.uniform(0.45, 1, len(times))), TempoLimits(spread=0.02))
    _check(tempo, duration)
    if len(tempo.hit_points):
        played = 60 / np.diff(tempo.beat_times)
        assert np.abs(played / bpm - 1).max() < 0.02 + MAX_BEND + 0.01


def test_a_thousand_events_are_no_trouble() -> None:
    times = np.arange(1.0, 1500.0, 1.4)
    tempo = find_tempo_map(1501.0, 100.0, Events(times, np.ones(len(times))))
    assert len(tempo.hit_points) > 900


def test_of_two_events_too_close_to_meet_the_stronger_is_met() -> None:
    tempo = find_tempo_map(10.0, 100.0, _events([5.0, 5.13], [0.5, 1.0]))
    assert tempo.hit_points.tolist() == [5.13]


def test_a_bar_begins_on_a_strong_hit_point() -> None:
    tempo = find_tempo_map(12.0, 120.0, _events([5.5]))
    assert tempo.beat_in_bar[int(np.argmin(np.abs(tempo.beat_times - 5.5)))] == 0


def test_without_events_the_tempo_is_steady() -> None:
    tempo = find_tempo_map(30.0, 97.0, _events([]))
    np.testing.assert_array_equal(tempo.beat_times, steady_tempo_map(30.0, 97.0).beat_times)
    assert np.diff(tempo.beat_times).std() < 1e-9
    np.testing.assert_array_equal(tempo.beat_in_bar, np.arange(48) % 4)
    assert 60 / np.diff(tempo.beat_times)[0] == pytest.approx(97.0, rel=0.02)
    _check(tempo, 30.0)


@pytest.mark.parametrize("duration", [0.1, 0.7, 1.3])
def test_very_short_videos_get_at_least_one_frame(duration: float) -> None:
    tempo = find_tempo_map(duration, 120.0, _events([duration / 2]))
    assert len(tempo.beat_in_bar) >= 2
    assert tempo.beat_times[-1] >= duration


def test_bars_of_three_beats_are_counted_in_threes() -> None:
    steady = steady_tempo_map(12.0, 120.0, beats_per_bar=3)
    np.testing.assert_array_equal(steady.beat_in_bar, np.arange(24) % 3)
    bent = find_tempo_map(12.0, 120.0, Events(np.array([3.01, 7.5]), np.ones(2)), beats_per_bar=3)
    assert bent.beat_in_bar.max() == 2
    for hit in bent.hit_points:
        beat = int(np.argmin(np.abs(bent.beat_times - hit)))
        if abs(bent.beat_times[beat] - hit) < 1e-6:
            assert bent.beat_in_bar[beat] == 0


def test_a_video_too_short_for_two_beats_has_no_tempo() -> None:
    assert [steady_tempo_map(duration, 120).bpm for duration in (0.04, 0.1, 0.5)] == [None] * 3
    assert steady_tempo_map(10.0, 120).bpm == pytest.approx(120)
