"""Loudness and true peaks, against tones whose values are known, and a limiter that keeps its ceiling."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.loudness import integrated_lufs, limit_samples, normalize, true_peak_dbtp

RATE = 44100


def _tone(hertz: float, amplitude: float, seconds: float = 3.0, phase: float = 0.0) -> NDArray[np.float32]:
    wave = amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE + phase)
    return np.stack([wave, wave]).astype(np.float32)


def _hits(floor: float = 0.1, decay_s: float = 0.08) -> NDArray[np.float32]:
    """Six seconds of noise with a loud decaying burst every half second."""
    noise = np.random.default_rng(0).normal(size=(2, 6 * RATE))
    since = np.arange(noise.shape[1]) / RATE % 0.5
    return (0.2 * noise * (floor + np.exp(-since / decay_s))).astype(np.float32)


def test_the_reference_tone_of_bs_1770() -> None:
    # 997 Hz at full scale in one channel reads -3.01 LUFS; in both, 3.01 more.
    assert integrated_lufs(_tone(997, 1.0), RATE) == pytest.approx(0.0, abs=0.1)
    assert integrated_lufs(_tone(997, 0.1), RATE) == pytest.approx(-20.0, abs=0.1)


def test_a_peak_between_the_samples_is_seen() -> None:
    # A quarter of the rate, an eighth of a turn late: the samples reach 0.707 of what the wave does.
    between = _tone(RATE / 4, 0.5, phase=np.pi / 4)
    assert np.abs(between).max() == pytest.approx(0.3536, abs=1e-3)
    assert true_peak_dbtp(between[:, 2000:-2000], RATE) == pytest.approx(-6.02, abs=0.4)


@pytest.mark.parametrize("amplitude", [0.001, 0.1, 0.9])
def test_a_tone_reaches_the_target_without_a_change_of_shape(amplitude: float) -> None:
    tone = _tone(440, amplitude)
    result = normalize(tone, RATE)
    assert integrated_lufs(result, RATE) == pytest.approx(-16.0, abs=0.05)
    gain = float(np.abs(result).max() / np.abs(tone).max())
    np.testing.assert_allclose(result, tone * gain, atol=1e-5)


def test_hits_are_held_below_the_ceiling() -> None:
    audio = _hits()
    unlimited = audio * 10 ** ((-16 - integrated_lufs(audio, RATE)) / 20)
    assert true_peak_dbtp(unlimited.astype(np.float32), RATE) > 0.5  # else the limiter has nothing to do
    result = normalize(audio, RATE)
    assert true_peak_dbtp(result, RATE) <= -1.49
    assert integrated_lufs(result, RATE) == pytest.approx(-16.0, abs=0.5)
    assert result.dtype == np.float32


def test_very_peaky_music_keeps_its_dynamics_rather_than_reach_the_target() -> None:
    clicks = _hits(floor=0.01, decay_s=0.005)
    result = normalize(clicks, RATE)
    assert true_peak_dbtp(result, RATE) <= -1.49
    assert -30 < integrated_lufs(result, RATE) < -17


def test_the_target_and_the_ceiling_are_the_callers() -> None:
    result = normalize(_hits(), RATE, target_lufs=-20.0, ceiling_dbtp=-6.0)
    assert true_peak_dbtp(result, RATE) <= -5.99
    assert integrated_lufs(result, RATE) == pytest.approx(-20.0, abs=0.5)


def test_the_limiter_turns_both_sides_down_alike() -> None:
    audio = _tone(300, 0.05) + _tone(300, 2.0) * (np.arange(3 * RATE) // (RATE // 4) % 4 == 3)
    audio[1] *= 0.5
    result = normalize(audio, RATE)
    np.testing.assert_allclose(result[1], 0.5 * result[0], atol=1e-5)


def test_silence_stays_silence() -> None:
    silence = np.zeros((2, RATE), np.float32)
    assert integrated_lufs(silence, RATE) == float("-inf")
    assert true_peak_dbtp(silence, RATE) == float("-inf")
    np.testing.assert_array_equal(normalize(silence, RATE), silence)


def test_noise_below_the_gate_is_not_blown_up() -> None:
    whisper = (1e-5 * np.random.default_rng(0).normal(size=(2, RATE))).astype(np.float32)
    np.testing.assert_array_equal(normalize(whisper, RATE), whisper)


@pytest.mark.parametrize("samples", [0, 1, 100, 17000])
def test_audio_too_short_to_measure_is_left_alone(samples: int) -> None:
    short = np.full((2, samples), 0.5, np.float32)
    assert integrated_lufs(short, RATE) == float("-inf")
    np.testing.assert_array_equal(normalize(short, RATE), short)


def test_an_event_keeps_standing_out_of_the_music() -> None:
    audio = _tone(300, 0.05, 8.0) + _tone(180, 0.02, 8.0)
    hit = slice(4 * RATE, 4 * RATE + RATE // 5)
    audio[:, hit] += (0.5 * np.random.default_rng(0).normal(size=(2, RATE // 5))).astype(np.float32)
    result = normalize(audio, RATE)
    before, after = (
        20 * np.log10(np.std(sound[:, hit]) / np.std(sound[:, RATE : 2 * RATE])) for sound in (audio, result)
    )
    assert true_peak_dbtp(result, RATE) <= -1.49
    assert after > before - 7  # the limiter takes 6 dB at most


def test_one_stroke_among_many_may_lose_more_than_the_usual_ones() -> None:
    noise = np.random.default_rng(1).normal(size=(2, 8 * RATE)).astype(np.float32) * 0.05
    noise[:, 4 * RATE + RATE // 2 - 2000] = 6.0
    one = integrated_lufs(normalize(noise, RATE), RATE)
    noise[:, 1000 :: RATE // 2] = 6.0
    many = integrated_lufs(normalize(noise, RATE), RATE)
    assert one == pytest.approx(many + 3, abs=0.5)


def test_a_loud_bass_note_stays_a_clean_tone() -> None:
    bass = _tone(50, 0.02, 6.0)
    bass[:, 3 * RATE : 3 * RATE + RATE // 2] *= 30
    limited = limit_samples(bass, RATE, -10.0)
    part = limited[0, round(3.1 * RATE) : round(3.4 * RATE)] * np.hanning(round(3.4 * RATE) - round(3.1 * RATE))
    spectrum = np.abs(np.fft.rfft(part, 10 * RATE))
    harmonics = max(spectrum[10 * hertz - 20 : 10 * hertz + 20].max() for hertz in (100, 150, 200, 250))
    assert np.abs(limited).max() <= 10 ** (-10 / 20) + 1e-4
    assert 20 * np.log10(spectrum.max() / harmonics) > 40


def test_the_limiter_does_not_pump() -> None:
    audio = _tone(440, 0.1)
    hit = RATE
    audio[:, hit : hit + 200] += 1.5
    gain = limit_samples(audio, RATE, -2.0)[0] / np.where(np.abs(audio[0]) < 1e-3, np.nan, audio[0])
    assert np.nanmax(np.abs(gain[: hit - 400] - 1)) < 1e-3
    assert np.nanmax(np.abs(gain[hit + RATE // 8 :] - 1)) < 1e-3


def test_what_lies_below_the_ceiling_is_unchanged() -> None:
    tone = _tone(440, 0.5)
    assert limit_samples(tone, RATE, -3.0) is tone


@pytest.mark.parametrize("at", [0, 1, 15, 31, 32, 33, 1000, 44099])
def test_a_peak_anywhere_in_a_cell_is_held(at: int) -> None:
    audio = np.zeros((2, RATE), np.float32)
    audio[0, at] = 4.0
    audio[1, max(0, at - 5)] = -2.0
    assert np.abs(limit_samples(audio, RATE, -6.0)).max() <= 10 ** (-6 / 20) + 1e-4
