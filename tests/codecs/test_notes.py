"""Grids become notes at the right seconds."""

import numpy as np
import pytest

from model_core.models.score.codec.notes import Note, build_notes, build_riser_envelope, step_times
from model_core.models.score.codec.score import FIRST_PITCH, LANE, RANGES, ROLES, SUSTAIN, Score
from model_core.plan.plan import PROGRAMS, Header

HEADER = Header(
    style="house",
    bpm=120.0,
    swing=0.0,
    minor=False,
    programs={role: programs[0] for role, programs in PROGRAMS.items()},
    parts=frozenset(ROLES),
    energy=0.5,
    density=0.5,
)
BEATS = np.asarray(np.arange(9) * 0.5, np.float64)  # 120 bpm, eight beats: a step is 0.125 s


def _played(score: Score, role: str, key: int = 0) -> list[Note]:
    return [note for note in build_notes(score, HEADER, BEATS, key) if note.role == role]


def test_straight_steps_divide_each_beat_evenly() -> None:
    bent = np.array([0.0, 0.4, 1.0])
    np.testing.assert_allclose(step_times(bent, 0.0), [0, 0.1, 0.2, 0.3, 0.4, 0.55, 0.7, 0.85, 1.0])


@pytest.mark.parametrize("swing", [0.25, 1.0])
def test_swing_delays_the_off_beat_sixteenths_alone(swing: float) -> None:
    late = np.subtract(step_times(BEATS, swing), step_times(BEATS, 0.0))
    np.testing.assert_allclose(late[::2], 0, atol=1e-12)
    np.testing.assert_allclose(late[1::2], swing / 3 * 0.125)


def test_a_sustained_note_lasts_until_the_rest() -> None:
    score = Score.empty(8)
    score.mono["lead"][4:8] = [FIRST_PITCH + 3, SUSTAIN, SUSTAIN, FIRST_PITCH + 5]
    score.mono_velocity["lead"][4:8] = [0.8, 0.1, 0.1, 0.6]
    first, second = _played(score, "lead")
    assert (first.pitch, second.pitch) == (RANGES["lead"].low + 3, RANGES["lead"].low + 5)
    assert (first.velocity, second.velocity) == pytest.approx((0.8, 0.6))
    assert (first.start, second.start) == pytest.approx((0.5, 0.875))
    assert 0.8 < first.end <= 0.875
    assert 0.95 < second.end <= 1.0
    assert first.program == HEADER.programs["lead"]


def test_a_chord_lasts_until_it_is_struck_anew_or_falls_silent() -> None:
    score = Score.empty(8)
    score.chord[0:6, [0, 4, 7]] = True
    score.chord[6:10, [2, 5]] = True
    score.chord_struck[[0, 6]] = True
    score.chord_velocity[:10] = 0.5
    chords = _played(score, "chords")
    assert [(note.pitch - RANGES["chords"].low, note.start) for note in chords] == [
        (0, 0.0), (4, 0.0), (7, 0.0), (2, 0.75), (5, 0.75),
    ]  # fmt: skip
    assert [note.end for note in chords] == pytest.approx([0.75] * 3 + [1.25] * 2, abs=0.03)


def test_each_lane_has_its_drum_and_the_riser_none() -> None:
    score = Score.empty(8)
    for lane in ("kick", "snare", "closed_hat", "crash", "riser"):
        score.drums[8, LANE[lane]] = 0.7
    drums = build_notes(score, HEADER, BEATS, 0)
    assert sorted(note.pitch for note in drums) == [36, 38, 42, 49]
    assert {note.role for note in drums} == {"drums"}
    assert {(note.start, note.program) for note in drums} == {(1.0, HEADER.programs["drums"])}


def test_an_impact_is_a_low_taiko_and_a_bass_drum() -> None:
    score = Score.empty(8)
    score.drums[4, LANE["impact"]] = 0.9
    notes = build_notes(score, HEADER, BEATS, 3)
    taikos = [note for note in notes if note.role == "impact"]
    drums = [note.pitch for note in notes if note.role == "drums"]
    assert {note.program for note in taikos} == {116}
    assert min(note.pitch for note in taikos) < 40
    assert max(note.pitch for note in taikos) <= 48
    assert {35, 36} & set(drums)
    assert len(taikos) + len(drums) == len(notes)
    assert {note.start for note in notes} == {0.5}


def test_the_key_moves_pitched_parts_and_no_drums() -> None:
    score = Score.empty(8)
    score.mono["bass"][0], score.mono_velocity["bass"][0] = FIRST_PITCH, 0.5
    score.chord[0, 0], score.chord_struck[0], score.chord_velocity[0] = True, True, 0.5
    score.drums[0, [LANE["snare"], LANE["impact"]]] = 0.5
    moved = {
        role: {up.pitch - note.pitch for note, up in zip(_played(score, role), _played(score, role, -4), strict=True)}
        for role in ("bass", "chords", "drums", "impact")
    }
    assert moved == {"bass": {-4}, "chords": {-4}, "drums": {0}, "impact": {0}}


def test_notes_come_in_order_and_have_a_length() -> None:
    rng = np.random.default_rng(1)
    score = Score.empty(8)
    score.mono["arp"][:] = rng.integers(0, 20, 32)
    score.drums[:] = rng.uniform(size=score.drums.shape) * (rng.uniform(size=score.drums.shape) < 0.3)
    notes = build_notes(score.tidy(), HEADER, BEATS, 0)
    starts = [note.start for note in notes]
    assert len(notes) > 40
    assert starts == sorted(starts)
    assert all(note.end > note.start for note in notes)


def test_silence_has_no_notes() -> None:
    assert build_notes(Score.empty(8), HEADER, BEATS, 0) == []


def test_the_riser_swells_where_its_lane_does() -> None:
    score = Score.empty(8)
    score.drums[8:16, LANE["riser"]] = np.linspace(0.2, 1.0, 8)
    level = build_riser_envelope(score, step_times(BEATS, 0.0), 1000, 5000)
    assert level.shape == (5000,)
    assert level.dtype == np.float32
    assert not level[:1000].any()
    assert not level[2000:].any()
    assert level[1000] == pytest.approx(0.2, abs=0.01)
    assert (np.diff(level[1000:1870]) >= 0).all()
    assert level.max() == pytest.approx(1.0, abs=0.01)


def test_the_riser_climbs_up_to_the_hit() -> None:
    score = Score.empty(8)
    score.drums[8:12, LANE["riser"]] = [0.2, 0.4, 0.6, 0.8]
    level = build_riser_envelope(score, step_times(BEATS, 0.0), 1000, 5000)
    assert level.argmax() == pytest.approx(1495, abs=5)
    assert level.max() > 0.9
    assert not level[1500:].any()


def test_velocities_from_a_decoder_are_kept_within_their_range() -> None:
    score = Score.empty(8)
    score.mono["lead"][[0, 4]] = FIRST_PITCH
    score.mono_velocity["lead"][[0, 4]] = [1.3, -0.1]
    score.drums[0, LANE["kick"]], score.drums[4, LANE["kick"]] = 1.2, -0.2
    notes = build_notes(score, HEADER, BEATS, 0)
    assert sorted((note.role, note.velocity) for note in notes) == [("drums", 1.0), ("lead", 0.0), ("lead", 1.0)]
