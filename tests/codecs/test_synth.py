"""Stems: right length, pitch and time, the same each time, and as loud as they are played."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.models.score.codec.notes import DRUM_KEYS, FIRST_DRUM_SET, IMPACT_PROGRAM, Note
from model_core.models.score.render.program_levels import LAYERED
from model_core.models.score.render.synth import TAIL_S, load_bank, render_stems
from model_core.plan.plan import PROGRAMS

RATE = 22050
_KEYS = {"bass": 40, "chords": 60, "lead": 69, "arp": 64, "drums": 36, "impact": 36}
_EVERY_PROGRAM = [
    (role, program) for role, programs in (PROGRAMS | {"impact": (IMPACT_PROGRAM,)}).items() for program in programs
]


def _played(role: str, program: int, velocity: float = 0.8, start: float = 0.0, length: float = 0.4) -> Note:
    return Note(role, _KEYS[role], velocity, start, start + length, program)


def _energy_db(audio: NDArray[np.float32]) -> float:
    return float(10 * np.log10((audio.astype(np.float64) ** 2).mean()))


def test_each_role_has_its_stem_with_a_tail() -> None:
    found = render_stems([_played("bass", 33), _played("drums", 0), _played("lead", 73)], 1.5, RATE)
    assert set(found) == {"bass", "drums", "lead"}
    for stem in found.values():
        assert stem.shape == (2, round((1.5 + TAIL_S) * RATE))
        assert stem.dtype == np.float32
        assert np.abs(stem).max() > 0.005


def test_no_notes_give_no_stems() -> None:
    assert render_stems([], 2.0, RATE) == {}


@pytest.mark.parametrize("rate", [22050, 44100])
def test_a_note_begins_at_its_second(rate: int) -> None:
    # On a drum the first sample that is not silent is the attack itself.
    starts = (0.0, 0.3137, 1.0, 1.777)
    for start in starts:
        stem = render_stems([_played("drums", 0, start=start)], 2.0, rate)["drums"]
        heard = np.flatnonzero(np.abs(stem).max(axis=0) > 1e-4)[0]
        assert abs(heard - start * rate) <= 64 + 0.002 * rate


def test_a_note_has_its_pitch() -> None:
    stem = render_stems([Note("lead", 69, 0.8, 0.0, 1.5, 73)], 1.5, RATE)["lead"]
    part = stem.mean(axis=0)[RATE // 4 : RATE // 4 + RATE]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
    assert abs(int(spectrum.argmax()) - 440) <= 5


def test_a_note_ends() -> None:
    stem = render_stems([Note("lead", 69, 0.8, 0.0, 0.5, 80)], 2.0, RATE)["lead"]
    held, after = stem[:, RATE // 10 : RATE // 2], stem[:, round(1.5 * RATE) :]
    assert _energy_db(held) > _energy_db(after + np.float32(1e-9)) + 40


def test_a_key_struck_again_is_heard_again() -> None:
    once = render_stems([_played("chords", 0, length=0.5)], 1.5, RATE)["chords"]
    twice = render_stems([_played("chords", 0, length=0.5), _played("chords", 0, start=0.5)], 1.5, RATE)["chords"]
    later = slice(round(0.5 * RATE), round(0.9 * RATE))
    assert _energy_db(twice[:, later]) > _energy_db(once[:, later]) + 6


def test_the_same_notes_give_the_same_samples_whatever_was_played_before() -> None:
    notes = [_played("chords", 49), _played("lead", 60, start=0.2), _played("drums", 0, start=0.1)]
    first = render_stems(notes, 0.6, RATE)
    # Voices that still ring when their stem ends must not be heard at the start of the next one.
    render_stems(
        [_played("chords", 89, velocity=1.0, start=0.1, length=9.0), _played("lead", 81, length=9.0)], 0.3, RATE
    )
    second = render_stems(notes, 0.6, RATE)
    for role in first:
        np.testing.assert_array_equal(first[role], second[role])


def test_roles_do_not_hear_each_other() -> None:
    bass = _played("bass", 38)
    alone = render_stems([bass], 0.6, RATE)["bass"]
    together = render_stems([bass, _played("arp", 80), _played("chords", 90, length=9.0)], 0.6, RATE)["bass"]
    np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize(("role", "program"), _EVERY_PROGRAM)
def test_every_program_keeps_its_dynamics(role: str, program: int) -> None:
    steps = [
        _energy_db(render_stems([_played(role, program, v)], 0.4, RATE)[role][:, : RATE // 2])
        for v in (0.45, 0.7, 0.95)
    ]
    assert all(soft < loud for soft, loud in pairwise(steps))
    assert 8.0 <= steps[-1] - steps[0] <= 18.0


def _highs_db(audio: NDArray[np.float32]) -> float:
    """Level above 1.3 kHz beside that below 600 Hz, dB."""
    power = np.square(np.abs(np.fft.rfft(audio[0, : RATE // 2])))
    hertz = np.fft.rfftfreq(RATE // 2, 1 / RATE)
    return float(10 * np.log10(power[hertz > 1300].sum() / power[hertz < 600].sum()))


@pytest.mark.parametrize(("role", "program"), [pair for pair in _EVERY_PROGRAM if pair[0] not in ("drums", "impact")])
def test_a_soft_note_is_duller_than_a_hard_one(role: str, program: int) -> None:
    soft, hard = (_highs_db(render_stems([_played(role, program, v)], 0.5, RATE)[role]) for v in (0.35, 0.95))
    if program in LAYERED:
        assert abs(hard - soft) > 0.1  # by the bank's own samples
    else:
        assert hard > soft + 1


def test_a_soft_note_under_a_ringing_hard_one_makes_no_click() -> None:
    notes = [Note("chords", 57, 1.0, 0.0, 2.0, 90), Note("chords", 81, 0.1, 1.0, 1.4, 90)]
    stem = render_stems(notes, 2.0, RATE)["chords"][0]
    jumps = np.abs(np.diff(stem))
    assert jumps[RATE - 200 : RATE + 400].max() < 1.5 * jumps[RATE // 2 : RATE - 200].max()


@pytest.mark.parametrize(("role", "program"), [("chords", 90), ("lead", 80), ("bass", 38), ("chords", 0), ("arp", 46)])
def test_a_note_ends_without_a_click(role: str, program: int) -> None:
    stem = render_stems([_played(role, program, length=0.5)], 1.2, RATE)[role][0]
    jumps = np.abs(np.diff(stem))
    assert jumps[RATE // 2 - 64 : RATE].max() <= jumps[: RATE // 2 - 64].max()
    assert np.abs(stem[-100:]).max() < 0.02 * np.abs(stem).max()


def test_every_kit_is_in_the_bank_and_is_another() -> None:
    bank = load_bank(RATE)
    (number,) = bank.soundfonts
    kits = [kit for kit in PROGRAMS["drums"] if kit < FIRST_DRUM_SET]
    assert all(bank.sfpreset_name(number, 128, kit) for kit in kits)
    strokes = [
        Note("drums", key, 0.8, 0.3 * place, 0.3 * place + 0.2, 0) for place, key in enumerate(DRUM_KEYS.values())
    ]
    played = [
        render_stems([Note(n.role, n.pitch, n.velocity, n.start, n.end, kit) for n in strokes], 2.5, RATE)["drums"]
        for kit in PROGRAMS["drums"]
        if kit < FIRST_DRUM_SET
    ]
    for index, one in enumerate(played):
        for other in played[index + 1 :]:
            assert _energy_db(one - other) > _energy_db(one) - 12


@pytest.mark.parametrize("kit", [kit for kit in PROGRAMS["drums"] if kit not in (48, *range(128, 130))])
def test_no_cymbal_of_a_kit_is_lost_or_covers_it(kit: int) -> None:
    peaks = {
        name: float(
            np.abs(render_stems([Note("drums", DRUM_KEYS[name], 0.8, 0.0, 0.3, kit)], 0.5, RATE)["drums"]).max()
        )
        for name in ("kick", "closed_hat", "open_hat", "crash", "ride")
    }
    for name in ("closed_hat", "open_hat", "crash", "ride"):
        assert -16 < 20 * np.log10(peaks[name] / peaks["kick"]) < 4, peaks
