"""Onset strength peaks where something begins, however loud the whole is."""

import numpy as np
import pytest

from model_core.sync.missed_events import RATE, SAMPLE_RATE, onset_strength


def _clicks(
    times: list[float], duration: float = 4.0, level: float = 0.5
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    rng = np.random.default_rng(0)
    audio = (1e-5 * rng.normal(size=round(duration * SAMPLE_RATE))).astype(np.float32)
    length = round(0.05 * SAMPLE_RATE)
    for time in times:
        start = round(time * SAMPLE_RATE)
        audio[start : start + length] += (level * rng.normal(size=length) * np.linspace(1, 0, length)).astype(
            np.float32
        )
    return audio


@pytest.mark.parametrize("level", [0.9, 0.01])
def test_it_peaks_at_each_onset(level: float) -> None:
    strength = onset_strength(_clicks([0.7, 1.9, 3.0], level=level))
    assert len(strength) == pytest.approx(4.0 * RATE, abs=2)
    for time in (0.7, 1.9, 3.0):
        near = strength[round((time - 0.3) * RATE) : round((time + 0.3) * RATE)]
        assert abs(float(np.argmax(near)) / RATE - 0.3) < 0.03
        assert near.max() > 10 * np.median(near)


def test_a_held_tone_has_one_onset() -> None:
    time = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    tone = (0.3 * np.sin(2 * np.pi * 330 * time) * (time > 1)).astype(np.float32)
    strength = onset_strength(tone)
    assert abs(float(np.argmax(strength)) / RATE - 1) < 0.03
    assert strength[round(1.3 * RATE) : round(2.8 * RATE)].max() < 0.1 * strength.max()


def test_silence_and_next_to_nothing_are_no_trouble() -> None:
    assert not onset_strength(np.zeros(SAMPLE_RATE, np.float32)).any()
    assert len(onset_strength(np.zeros(10, np.float32))) >= 1
