"""What is salience at the events, by envelopes whose answer is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.encoders.log_mel_chroma import LogMelChroma
from model_core.sync.missed_events import RATE, SAMPLE_RATE, Salience, match_events, measure_salience, span_fit

Floats = NDArray[np.float64]


def _envelope(peaks: dict[float, float], duration: float = 12.0) -> Floats:
    at = np.arange(round(duration * RATE)) / RATE
    rng = np.random.default_rng(0)
    values = 0.05 * rng.random(len(at))
    for time, height in peaks.items():
        values += height * np.exp(-0.5 * ((at - time) / 0.02) ** 2)
    return values


def test_events_at_the_strongest_moments_are_all_heard() -> None:
    envelope = _envelope({2.0: 1.0, 5.05: 0.9, 8.95: 0.8, 7.0: 0.3})
    match = match_events(Salience(envelope, envelope), np.array([2.0, 5.0, 9.0]))
    assert match.hits == 6
    assert not len(match.missed)
    assert not len(match.stray)
    assert match.levels[0] == pytest.approx(0.8, abs=0.06)


def test_what_is_missed_and_what_is_stray_is_named() -> None:
    onset = _envelope({2.0: 1.0, 5.0: 0.2, 7.0: 0.9})
    novelty = _envelope({2.0: 1.0, 5.0: 0.9})
    match = match_events(Salience(onset, novelty), np.array([2.0, 5.0]))
    assert match.hits == 3
    np.testing.assert_allclose(match.missed, [5.0])
    np.testing.assert_allclose(match.stray, [7.0], atol=0.02)


def test_events_at_the_very_ends_do_not_count() -> None:
    envelope = _envelope({6.0: 1.0})
    match = match_events(Salience(envelope, envelope), np.array([0.1, 6.0, 11.9]))
    assert match.hits == 2
    assert not len(match.missed)
    nothing = match_events(Salience(envelope, envelope), np.zeros(0))
    assert nothing.hits == 0
    assert not len(nothing.stray)


def test_gain_prefers_loud_events_and_quiet_surroundings() -> None:
    times, levels = np.array([5.0]), (0.8, 0.8)
    good, weak, busy = (
        Salience(envelope, envelope)
        for envelope in (_envelope({5.0: 1.0}), _envelope({5.0: 0.4}), _envelope({5.0: 1.0, 4.2: 1.2}))
    )
    best = span_fit(good, times, 3.5, 6.5, levels)
    assert best > span_fit(weak, times, 3.5, 6.5, levels)
    assert best > span_fit(busy, times, 3.5, 6.5, levels)
    assert span_fit(busy, times, 4.5, 6.5, levels) == pytest.approx(best, abs=0.1)


def test_it_listens_to_sound() -> None:
    rng = np.random.default_rng(1)
    audio = 0.01 * rng.normal(size=8 * SAMPLE_RATE)
    audio[3 * SAMPLE_RATE : round(3.4 * SAMPLE_RATE)] += 0.5 * rng.normal(size=round(0.4 * SAMPLE_RATE))
    salience = measure_salience(audio.astype(np.float32), LogMelChroma())
    assert salience.onset.shape == salience.novelty.shape
    assert min(salience.onset.min(), salience.novelty.min()) >= 0
    for envelope in salience.envelopes:
        assert min(abs(float(np.argmax(envelope)) / RATE - time) for time in (3.0, 3.4)) < 0.1
