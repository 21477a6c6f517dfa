"""The mix: parts in balance and in their places, a room after them, and a riser that only its seed changes."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.loudness import integrated_lufs, normalize, true_peak_dbtp
from model_core.models.score.codec.notes import Note, build_notes
from model_core.models.score.render.mix import DEFAULT, MIXES, dry_mix, find_mix, find_trims, mix
from model_core.models.score.render.synth import render_stems
from model_core.plan.plan import PROGRAMS, STYLES
from model_core.training.composer import compose

RATE = 22050
Audio = NDArray[np.float32]
_NO_RISER = np.zeros(2 * RATE, np.float32)
_EVEN = dict.fromkeys(("bass", "chords", "lead", "arp", "drums", "impact"), 0.0)

# Other notes than those the trims were measured with, in each part's usual register.
_PHRASES = {
    "bass": [36, 41, 43, 38],
    "chords": [57, 60, 64, 55],
    "lead": [71, 74, 79, 76],
    "arp": [62, 65, 69, 74],
    "drums": [36, 42, 38, 46],
}


def _click(length: int = 2 * RATE) -> Audio:
    click = np.zeros((2, length), np.float32)
    click[:, 100] = 1
    return click


def _rms(audio: Audio) -> float:
    return float(np.sqrt((audio.astype(np.float64) ** 2).mean()))


def _phrase(role: str, program: int) -> list[Note]:
    keys = _PHRASES[role]
    voices = (0, 3, 8) if role == "chords" else (0,)
    return [Note(role, key + up, 0.6, 0.4 * i, 0.4 * i + 0.35, program) for i, key in enumerate(keys) for up in voices]


def test_trims_are_those_of_the_programs_that_play() -> None:
    assert set(find_trims(_phrase("bass", 33) + _phrase("lead", 73))) == {"bass", "lead"}
    assert find_trims(_phrase("lead", 73)) != find_trims(_phrase("lead", 56))


@pytest.mark.parametrize("role", list(PROGRAMS))
def test_the_programs_of_a_role_are_about_equally_loud(role: str) -> None:
    found = []
    for program in PROGRAMS[role]:
        notes = _phrase(role, program)
        dry = dry_mix(render_stems(notes, 1.6, RATE), find_trims(notes))
        found.append(integrated_lufs(np.stack([dry, dry]), RATE))
    assert max(found) - min(found) < 5  # without trims up to 18 dB


def test_no_level_is_far_from_the_others() -> None:
    loudness = {}
    for role in ("bass", "chords", "lead", "arp", "drums"):
        notes = _phrase(role, PROGRAMS[role][0])
        audio = mix(render_stems(notes, 1.6, RATE), find_trims(notes), _NO_RISER, RATE, 0)
        loudness[role] = integrated_lufs(audio, RATE)
    assert max(loudness.values()) - min(loudness.values()) < 10


def test_a_trim_is_in_decibels() -> None:
    stem = {"bass": _click()}
    quiet, loud = (mix(stem, {"bass": trim}, _NO_RISER, RATE, 0) for trim in (0.0, 20.0))
    np.testing.assert_allclose(loud, 10 * quiet, atol=1e-4)


def test_the_mix_is_the_sum_of_its_stems() -> None:
    first, second = {"lead": _click()}, {"drums": np.roll(_click(), 700, axis=1)}
    apart = [mix(stem, _EVEN, _NO_RISER, RATE, 0) for stem in (first, second)]
    np.testing.assert_allclose(mix(first | second, _EVEN, _NO_RISER, RATE, 0), apart[0] + apart[1], atol=1e-5)


def test_bass_and_drums_are_in_the_middle_and_the_rest_around_them() -> None:
    balance = {}
    for role in ("bass", "drums", "chords", "arp"):
        left, right = mix({role: _click()}, _EVEN, _NO_RISER, RATE, 0)[:, 100]
        balance[role] = float(right / left)
    assert balance["bass"] == pytest.approx(1, abs=1e-3)
    assert balance["drums"] == pytest.approx(1, abs=1e-3)
    assert balance["arp"] > 1.05
    assert balance["chords"] < 0.95


def test_the_room_rings_on_and_dies_away_and_the_bass_stays_dry() -> None:
    wet, dry = (mix({role: _click()}, _EVEN, _NO_RISER, RATE, 0) for role in ("lead", "bass"))
    levels = [_rms(wet[:, 110 + i * RATE // 4 : 110 + (i + 1) * RATE // 4]) for i in range(4)]
    assert all(late < early for early, late in pairwise(levels))
    assert levels[0] > 5e-4
    assert _rms(dry[:, 110:]) < 0.4 * _rms(wet[:, 110:])


def test_the_riser_is_noise_under_its_level_and_changes_with_the_seed() -> None:
    level = np.zeros(2 * RATE, np.float32)
    level[RATE : RATE + RATE // 2] = np.linspace(0, 1, RATE // 2)
    silence = {"lead": np.zeros((2, 3 * RATE), np.float32)}
    one, again, other = (mix(silence, _EVEN, level, RATE, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 1e-3
    assert one.shape == (2, 3 * RATE)
    assert _rms(one[:, :RATE]) < 1e-6
    swell = [_rms(one[:, RATE + i * RATE // 10 : RATE + (i + 1) * RATE // 10]) for i in range(5)]
    assert all(soft < loud for soft, loud in pairwise(swell))


def test_a_piece_without_notes_is_silent_and_as_long_as_the_riser() -> None:
    audio = mix({}, {}, _NO_RISER, RATE, 0)
    assert audio.shape == (2, len(_NO_RISER))
    assert _rms(audio) < 1e-9


def test_the_dry_mix_is_mono_and_has_no_room() -> None:
    dry = dry_mix({"lead": _click(), "bass": np.roll(_click(), 50, axis=1)}, _EVEN)
    assert dry.shape == (2 * RATE,)
    assert dry.dtype == np.float32
    assert set(np.flatnonzero(np.abs(dry) > 1e-6)) == {100, 150}


def test_a_mono_downmix_hears_no_widening() -> None:
    wide = mix({"chords": _click()}, _EVEN, _NO_RISER, RATE, 0)
    echo = 100 + round(0.0113 * RATE)
    side, middle = wide[0] - wide[1], wide[0] + wide[1]
    assert abs(side[echo]) > 0.2 * abs(middle[100])
    assert abs(middle[echo]) < 0.02 * abs(middle[100])


def test_a_constant_in_a_stem_is_taken_out() -> None:
    stem = {"bass": np.full((2, 4 * RATE), 0.1, np.float32)}
    audio = mix(stem, _EVEN, _NO_RISER, RATE, 0)
    assert np.abs(audio[:, 2 * RATE :]).max() < 1e-3


@cache
def _piece(style: str) -> tuple[Audio, float]:
    """A short piece of the composer's, mixed and normalised, and when its first note starts."""
    piece = compose(2, style, 24)
    beats = 1.0 + np.arange(piece.score.beats + 1) * 60 / piece.header.bpm  # a second of silence first
    notes = build_notes(piece.score, piece.header, beats, key=0)
    played = render_stems(notes, float(beats[-1]), RATE)
    return normalize(mix(played, find_trims(notes), _NO_RISER, RATE, 0, style), RATE), notes[0].start


def test_every_style_has_a_mix_and_an_unknown_one_gets_the_default() -> None:
    assert set(MIXES) == set(STYLES)
    assert find_mix("cinematic") is DEFAULT
    assert find_mix(None) is DEFAULT
    for style in STYLES:
        assert set(find_mix(style).strips) == {*PROGRAMS, "impact"}
        for strip in find_mix(style).strips.values():
            assert -1 < strip.pan < 1
            assert 0 <= strip.width < 0.8
            assert 0 <= strip.send < 0.6


def test_halls_ring_longer_than_booths() -> None:
    def late_share(style: str) -> float:
        wet = mix({"lead": _click()}, _EVEN, _NO_RISER, RATE, 0, style)[:, 110:]
        return _rms(wet[:, RATE // 2 :]) / _rms(wet)

    assert late_share("ambient") > late_share("orchestral") > late_share("pop") > 3 * late_share("jazz")
    assert late_share("jazz") > late_share("funk")


def test_the_air_of_a_style_is_a_shelf() -> None:
    noise = np.random.default_rng(0).normal(size=(2, 2 * RATE)).astype(np.float32)

    def tilt_db(style: str) -> float:
        spectrum = np.abs(np.fft.rfft(mix({"bass": noise}, _EVEN, _NO_RISER, RATE, 0, style)[0])) ** 2
        return float(10 * np.log10(spectrum[2 * 8000 : 2 * 10000].mean() / spectrum[2 * 200 : 2 * 500].mean()))

    assert tilt_db("lofi") == pytest.approx(tilt_db("pop") + find_mix("lofi").air_db, abs=2)
    assert tilt_db("trailer") == pytest.approx(tilt_db("pop") + find_mix("trailer").air_db, abs=2)


def test_the_dry_mix_has_the_levels_of_the_style() -> None:
    stem = {"bass": _click()}
    usual, louder = (float(np.abs(dry_mix(stem, _EVEN, style)).max()) for style in (None, "house"))
    gain = find_mix("house").strips["bass"].level_db - DEFAULT.strips["bass"].level_db
    assert 20 * np.log10(louder / usual) == pytest.approx(gain, abs=0.01)


def test_drum_strokes_that_fall_together_are_held_below_a_ceiling_and_a_single_one_is_not() -> None:
    soft, hard = (mix({"drums": level * _click()}, _EVEN, _NO_RISER, RATE, 0)[:, 100] for level in (1.0, 8.0))
    assert soft == pytest.approx(10 ** (-2.5 / 20), abs=0.03)
    assert np.abs(hard).max() < 1.1


def test_all_styles_are_about_equally_loud_and_none_clips() -> None:
    loudness = {style: integrated_lufs(_piece(style)[0], RATE) for style in STYLES}
    assert max(loudness.values()) - min(loudness.values()) < 3.0, loudness
    assert max(loudness.values()) < -15.5
    assert max(true_peak_dbtp(_piece(style)[0], RATE) for style in STYLES) <= -1.0


@pytest.mark.parametrize("style", STYLES)
def test_a_piece_is_centred_and_silent_before_its_first_note(style: str) -> None:
    audio, first = _piece(style)
    assert first >= 0.99
    assert np.abs(audio[:, : round((first - 0.1) * RATE)]).max() < 10 ** (-70 / 20)
    assert np.abs(audio.mean(axis=1)).max() < 10 ** (-65 / 20)
    left, right = (_rms(side) for side in audio)
    assert 20 * abs(np.log10(left / right)) < 3
    assert float((audio[0] * audio[1]).mean()) > 0.2 * left * right  # survives a mono loudspeaker
