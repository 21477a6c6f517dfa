"""Synthesised sound whose onsets, beats and bars are known."""

import numpy as np
import pytest

from model_core.sync.sound import (
    Envelope,
    analyze_sound,
    downbeats,
    novelty_envelope,
    onset_envelope,
    strongest_peak_times,
)

RATE = 44_100


def clicks(times: np.ndarray, seconds: float, loud: float = 0.3, low: bool = False) -> np.ndarray:
    """Decaying bursts of noise, or thumps of 60 Hz, in stereo."""
    sound = np.zeros(round(seconds * RATE) + RATE, np.float32)
    n = np.arange(round(0.12 * RATE))
    noise = np.random.default_rng(0).normal(size=len(n)) * np.exp(-n / 400)
    burst = np.sin(2 * np.pi * 60 * n / RATE) * np.exp(-n / 1500) if low else noise
    for time in times:
        start = round(time * RATE)
        sound[start : start + len(n)] += (loud * burst).astype(np.float32)
    return np.tile(sound[: round(seconds * RATE)], (2, 1))


def tone(hertz: float, seconds: float) -> np.ndarray:
    wave = 0.2 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)
    return np.tile(wave.astype(np.float32), (2, 1))


@pytest.mark.parametrize("bpm", [90.0, 120.0, 150.0])
def test_tempo_and_beats_of_a_click_track(bpm: float) -> None:
    beats = np.arange(0.4, 19.5, 60 / bpm)
    sound = analyze_sound(clicks(beats, 20.0), RATE)
    assert sound.tempo_bpm == pytest.approx(bpm, rel=0.04)
    distance = np.abs(sound.beats[:, None] - beats).min(axis=1)
    assert (distance < 0.05).mean() > 0.9
    assert sound.duration == pytest.approx(20.0)


def test_onsets_are_where_the_clicks_are() -> None:
    times = np.array([0.5, 1.1, 1.9, 3.3, 4.0, 6.2, 7.7])
    onsets = analyze_sound(clicks(times, 9.0), RATE).onsets
    np.testing.assert_allclose(onsets, times, atol=0.04)


@pytest.mark.parametrize("phase", [0, 1, 2, 3])
def test_downbeats_follow_the_thump(phase: int) -> None:
    beats = np.arange(0.4, 19.5, 0.5)
    sound = analyze_sound(clicks(beats, 20.0, loud=0.2) + clicks(beats[phase::4], 20.0, loud=0.9, low=True), RATE)
    distance = np.abs(sound.downbeats[:, None] - beats[phase::4]).min(axis=1)
    assert (distance < 0.06).mean() > 0.8
    np.testing.assert_allclose(np.diff(sound.downbeats), 2.0, atol=0.15)


def test_fewer_beats_than_a_bar_have_no_downbeat() -> None:
    assert len(downbeats(np.array([1.0, 2.0, 3.0]), (Envelope(np.ones(500), 100.0),))) == 0


def test_silence_holds_nothing() -> None:
    sound = analyze_sound(np.zeros((2, 4 * RATE), np.float32), RATE)
    assert len(sound.onsets) == len(sound.beats) == len(sound.downbeats) == 0
    assert sound.tempo_bpm == 0.0
    assert sound.onset.values.max() == sound.novelty.values.max() == 0.0


def test_onset_strength_is_high_at_a_click_and_low_elsewhere() -> None:
    envelope = onset_envelope(clicks(np.array([2.0]), 4.0), RATE)
    assert envelope.rate == pytest.approx(100.0)
    assert envelope.duration == pytest.approx(4.0, abs=0.02)
    assert abs(envelope.values.argmax() / envelope.rate - 2.0) < 0.03


def test_novelty_sees_a_change_of_chord_that_has_no_attack() -> None:
    sound = np.concatenate([tone(220.0, 2.0), tone(330.0, 3.0)], axis=1)
    envelope = novelty_envelope(sound, RATE)
    assert abs(envelope.values.argmax() / envelope.rate - 2.0) < 0.03
    steady = novelty_envelope(tone(220.0, 4.0), RATE)
    assert steady.values.max() < 0.1 * envelope.values.max()


def test_the_strongest_peaks_are_local_maxima_apart_from_each_other() -> None:
    values = np.zeros(300)
    values[[50, 70, 120, 200, 299]] = [3.0, 2.9, 1.0, 2.0, 9.0]  # the last is an end, and no maximum
    envelope = Envelope(values, 100.0)
    np.testing.assert_allclose(strongest_peak_times(envelope, 2), [0.5, 2.0])  # 0.7 is nearer than 0.3 s to 0.5
    np.testing.assert_allclose(strongest_peak_times(envelope, 9), [0.5, 1.2, 2.0])
    np.testing.assert_allclose(strongest_peak_times(envelope, 3, min_distance_s=0.2), [0.5, 0.7, 2.0])
    assert len(strongest_peak_times(envelope, 0)) == len(strongest_peak_times(Envelope(np.ones(2), 100.0), 3)) == 0
