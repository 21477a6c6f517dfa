"""The mix: parts in balance and in their places, a room after them, and a riser that only its seed changes."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.codecs.score.header import PROGRAMS
from model_core.codecs.score.mix import dry_mix, mix, trims_of
from model_core.codecs.score.notes import Note
from model_core.codecs.score.synth import stems
from model_core.loudness import integrated_lufs

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
    assert set(trims_of(_phrase("bass", 33) + _phrase("lead", 73))) == {"bass", "lead"}
    assert trims_of(_phrase("lead", 73)) != trims_of(_phrase("lead", 56))


@pytest.mark.parametrize("role", list(PROGRAMS))
def test_the_programs_of_a_role_are_about_equally_loud(role: str) -> None:
    found = []
    for program in PROGRAMS[role]:
        notes = _phrase(role, program)
        dry = dry_mix(stems(notes, 1.6, RATE), trims_of(notes))
        found.append(integrated_lufs(np.stack([dry, dry]), RATE))
    assert max(found) - min(found) < 5  # without trims up to 18 dB


def test_no_level_is_far_from_the_others() -> None:
    loudness = {}
    for role in ("bass", "chords", "lead", "arp", "drums"):
        notes = _phrase(role, PROGRAMS[role][0])
        audio = mix(stems(notes, 1.6, RATE), trims_of(notes), _NO_RISER, RATE, 0)
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
