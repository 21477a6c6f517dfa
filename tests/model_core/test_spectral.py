"""The music-event curve hears what changes, whatever the sample rate, and leaves silence alone."""

import numpy as np
import pytest

from model_core.encoders.log_mel_chroma import SAMPLE_RATE, LogMelChroma


def _tones(changes: list[float], duration: float, rate: int) -> np.ndarray:
    time = np.arange(int(duration * rate)) / rate
    pitch = 220 * 2 ** (np.searchsorted(changes, time, side="right") * 5 / 12)
    return (0.3 * np.sin(2 * np.pi * np.cumsum(pitch) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", [SAMPLE_RATE, 44100, 48000])
def test_changes_of_pitch_are_the_peaks(rate: int) -> None:
    changes = [1.5, 3.2, 5.0]
    curve = LogMelChroma().curve(_tones(changes, 7.0, rate), rate)
    np.testing.assert_allclose(curve.peaks().times, changes, atol=0.06)


def test_stereo_and_mono_agree() -> None:
    mono = _tones([2.0], 4.0, SAMPLE_RATE)
    encoder = LogMelChroma()
    one = encoder.curve(mono, SAMPLE_RATE).values
    two = encoder.curve(np.stack([mono, mono]), SAMPLE_RATE).values
    np.testing.assert_allclose(one, two, atol=1e-5)


def test_near_silence_makes_no_events() -> None:
    noise = np.random.default_rng(0).normal(0, 1e-5, 4 * SAMPLE_RATE).astype(np.float32)
    assert len(LogMelChroma().curve(noise, SAMPLE_RATE).peaks()) == 0


def test_less_than_a_frame_of_audio_still_gives_a_curve() -> None:
    curve = LogMelChroma().curve(np.zeros(100, np.float32), SAMPLE_RATE)
    assert np.isfinite(curve.values).all()
