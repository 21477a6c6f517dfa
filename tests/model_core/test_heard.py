"""What is heard at the events, by envelopes whose answer is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.encoders.log_mel_chroma import LogMelChroma
from model_core.sync.event_matching import SAMPLE_RATE, Heard, gain, judge, listen
from model_core.sync.onset_strength import RATE

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
    verdict = judge(Heard(envelope, envelope), np.array([2.0, 5.0, 9.0]))
    assert verdict.hits == 6
    assert not len(verdict.missed)
    assert not len(verdict.stray)
    assert verdict.levels[0] == pytest.approx(0.8, abs=0.06)


def test_what_is_missed_and_what_is_stray_is_named() -> None:
    onset = _envelope({2.0: 1.0, 5.0: 0.2, 7.0: 0.9})
    novelty = _envelope({2.0: 1.0, 5.0: 0.9})
    verdict = judge(Heard(onset, novelty), np.array([2.0, 5.0]))
    assert verdict.hits == 3
    np.testing.assert_allclose(verdict.missed, [5.0])
    np.testing.assert_allclose(verdict.stray, [7.0], atol=0.02)


def test_events_at_the_very_ends_do_not_count() -> None:
    envelope = _envelope({6.0: 1.0})
    verdict = judge(Heard(envelope, envelope), np.array([0.1, 6.0, 11.9]))
    assert verdict.hits == 2
    assert not len(verdict.missed)
    nothing = judge(Heard(envelope, envelope), np.zeros(0))
    assert nothing.hits == 0
    assert not len(nothing.stray)


def test_gain_prefers_loud_events_and_quiet_surroundings() -> None:
    times, levels = np.array([5.0]), (0.8, 0.8)
    good, weak, busy = (
        Heard(envelope, envelope)
        for envelope in (_envelope({5.0: 1.0}), _envelope({5.0: 0.4}), _envelope({5.0: 1.0, 4.2: 1.2}))
    )
    best = gain(good, times, 3.5, 6.5, levels)
    assert best > gain(weak, times, 3.5, 6.5, levels)
    assert best > gain(busy, times, 3.5, 6.5, levels)
    assert gain(busy, times, 4.5, 6.5, levels) == pytest.approx(best, abs=0.1)


def test_it_listens_to_sound() -> None:
    rng = np.random.default_rng(1)
    audio = 0.01 * rng.normal(size=8 * SAMPLE_RATE)
    audio[3 * SAMPLE_RATE : round(3.4 * SAMPLE_RATE)] += 0.5 * rng.normal(size=round(0.4 * SAMPLE_RATE))
    heard = listen(audio.astype(np.float32), LogMelChroma())
    assert heard.onset.shape == heard.novelty.shape
    assert min(heard.onset.min(), heard.novelty.min()) >= 0
    for envelope in heard.envelopes:
        assert min(abs(float(np.argmax(envelope)) / RATE - time) for time in (3.0, 3.4)) < 0.1
