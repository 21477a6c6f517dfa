"""Tests of the composer: pieces are legal, in key, regular, and louder where something happens than anywhere else."""

import copy
import hashlib
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.models.score.codec.score import FIRST_PITCH, LANE, MONO_PARTS, RANGES, REST
from model_core.plan.plan import PROGRAMS, STYLES
from model_core.training.composer import Piece, compose
from model_core.training.composer.harmony import SCALE
from model_core.training.composer.styles import STYLE_TABLE


@pytest.fixture(scope="module")
def pieces() -> list[Piece]:
    return [compose(seed, STYLES[seed % len(STYLES)], 96) for seed in range(48)]


@pytest.fixture(scope="module")
def together(pieces: list[Piece]) -> list[Piece]:
    """Those in which more than one instrument plays."""
    found = [piece for piece in pieces if len(piece.header.parts) > 1 and "chords" in piece.header.parts]
    assert len(pieces) - 12 < len(found) < len(pieces)
    return found


def _onsets(piece: Piece, part: str) -> list[tuple[int, int]]:
    steps = np.flatnonzero(piece.score.mono[part] >= FIRST_PITCH)
    return [(int(t), int(piece.score.mono[part][t]) - FIRST_PITCH + RANGES[part].low) for t in steps]


def _loudness(piece: Piece) -> NDArray[np.float32]:
    """Sum of the velocities of all that begins at each step; a chord counts once a note."""
    score = piece.score
    loudness: NDArray[np.float32] = score.drums[:, : LANE["riser"]].sum(axis=1)
    loudness += score.chord_velocity * score.chord_struck * score.chord.sum(axis=1)
    for part in MONO_PARTS:
        loudness += score.mono_velocity[part] * (score.mono[part] >= FIRST_PITCH)
    return loudness


def test_the_same_seed_gives_the_same_piece() -> None:
    one, two = compose(11, "house", 64), compose(11, "house", 64)
    np.testing.assert_array_equal(one.score.chord, two.score.chord)
    np.testing.assert_array_equal(one.score.drums, two.score.drums)
    assert one.header == two.header
    assert one.events == two.events


def test_a_seed_gives_the_piece_that_the_shipped_models_learned_from() -> None:
    digest = hashlib.sha256()
    for seed in range(100):
        piece = compose(seed, STYLES[seed % len(STYLES)], (16, 33, 48, 64, 97, 160)[seed % 6])
        score = piece.score
        digest.update(f"{piece.header.programs} {sorted(piece.header.parts)} {piece.header.bpm:.3f}".encode())
        digest.update(" ".join(f"{event.beat} {event.strength:.3f} {event.kind}" for event in piece.events).encode())
        digest.update(" ".join(chord.name for chord in piece.harmony).encode())
        for part in MONO_PARTS:
            digest.update(score.mono[part].tobytes() + np.round(100 * score.mono_velocity[part]).tobytes())
        digest.update(score.chord.tobytes() + score.chord_struck.tobytes() + score.beat_in_bar.tobytes())
        digest.update(np.round(100 * score.drums).tobytes() + np.round(100 * score.chord_velocity).tobytes())
    assert digest.hexdigest() == "5e13c8564e86c5ec8f8db60becde75aa3812baef920b1a9c24d6d9777a2e63f7"


def test_too_few_beats_and_unknown_styles_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        compose(0, "house", 15)
    with pytest.raises(ValueError, match="it is one of"):
        compose(0, "polka")


@pytest.mark.parametrize("beats", [16, 17, 160])
def test_any_length_is_filled_by_its_sections(beats: int) -> None:
    piece = compose(5, "trailer", beats)
    assert piece.score.beats == beats == sum(section.beats for section in piece.sections)
    assert len(piece.harmony) == beats


def test_the_grid_is_legal(pieces: list[Piece]) -> None:
    for piece in pieces:
        tidied = copy.deepcopy(piece.score).tidy()
        np.testing.assert_array_equal(tidied.chord, piece.score.chord)
        np.testing.assert_array_equal(tidied.chord_struck, piece.score.chord_struck)
        np.testing.assert_array_equal(tidied.chord_velocity, piece.score.chord_velocity)
        for part in MONO_PARTS:
            np.testing.assert_array_equal(tidied.mono[part], piece.score.mono[part])
            np.testing.assert_array_equal(tidied.mono_velocity[part], piece.score.mono_velocity[part])
            assert piece.score.mono[part].max() < RANGES[part].states
        assert 0 <= piece.score.drums.min() <= piece.score.drums.max() <= 1
        for role, program in piece.header.programs.items():
            assert program in PROGRAMS[role]


def test_it_is_in_key_and_the_bass_keeps_to_the_chords(pieces: list[Piece]) -> None:
    home, over_chord, bass = [], [], []
    for piece in pieces:
        for part in MONO_PARTS:
            over_chord += [pitch % 12 in piece.harmony[step // 4].scale for step, pitch in _onsets(piece, part)]
            home += [pitch % 12 in SCALE for _, pitch in _onsets(piece, part)]
        bass += [pitch % 12 in piece.harmony[step // 4].pitch_classes for step, pitch in _onsets(piece, "bass")]
    assert np.mean(over_chord) > 0.99
    assert np.mean(home) > 0.965  # a few chords are borrowed
    assert np.mean(bass) > 0.98


def test_the_melody_sings(pieces: list[Piece]) -> None:
    strong, leaps = [], []
    for piece in pieces:
        notes = _onsets(piece, "lead")
        strong += [pitch % 12 in piece.harmony[step // 4].pitch_classes for step, pitch in notes if step % 4 == 0]
        leaps += [abs(b - a) > 7 for (_, a), (_, b) in pairwise(notes)]
    assert np.mean(strong) > 0.95
    assert np.mean(leaps) < 0.02


def test_its_rhythms_come_again(pieces: list[Piece]) -> None:
    again = []
    for piece in pieces:
        bar = piece.header.beats_per_bar
        bars = [
            tuple(piece.score.mono["lead"][4 * beat + 1 : 4 * (beat + bar)] >= FIRST_PITCH)
            for section in piece.sections[:-1]
            if "lead" in section.parts
            for beat in range(section.first_beat, section.first_beat + section.beats - bar + 1, bar)
        ]
        again += [bar in bars[max(0, index - 4) : index] for index, bar in enumerate(bars) if index]
    assert np.mean(again) > 0.72


def test_chords_move_little(pieces: list[Piece]) -> None:
    moves = []
    for piece in pieces:
        events = {round(4 * event.beat) for event in piece.events}
        struck = [int(step) for step in np.flatnonzero(piece.score.chord_struck)]
        for a, b in pairwise(struck):
            if events.isdisjoint((a, b)):
                before, after = np.flatnonzero(piece.score.chord[a]), np.flatnonzero(piece.score.chord[b])
                moves.append(np.abs(after[:, None] - before[None]).min(axis=1).mean())
    assert np.mean(moves) < 2


def test_what_happens_stands_out(together: list[Piece]) -> None:
    for piece in together:
        loudness = _loudness(piece)
        at = np.array([round(4 * event.beat) for event in piece.events])
        elsewhere = np.delete(loudness, at)
        assert loudness[at].mean() > 2 * np.quantile(elsewhere[elsewhere > 0], 0.95)
        assert loudness[at].min() > 1.6 * elsewhere[elsewhere > 0].mean()


def test_nothing_else_looks_like_an_event(pieces: list[Piece]) -> None:
    for piece in pieces:
        at = np.array([round(4 * event.beat) for event in piece.events])
        plain = np.delete(piece.score.drums, at, axis=0)
        assert not plain[:, [LANE["crash"], LANE["impact"]]].any()
        assert plain[:, : LANE["riser"]].max() <= 0.65
        struck = piece.score.chord_velocity * piece.score.chord_struck
        assert np.delete(struck, at).max() <= 0.65


def test_events_come_close_together_and_leave_calm_stretches(pieces: list[Piece]) -> None:
    apart = [np.diff([event.beat for event in piece.events]) for piece in pieces]
    assert 3 <= np.median(np.concatenate(apart)) <= 10
    assert min(gaps.min() for gaps in apart) >= 1.5
    assert np.mean([gaps.max() >= 8 for gaps in apart]) > 0.8
    assert any(event.beat % 1 for piece in pieces for event in piece.events)


def test_many_hits_come_out_of_silence(pieces: list[Piece]) -> None:
    silent = []
    for piece in pieces:
        score = piece.score
        sounds = np.asarray(score.chord.any(axis=1) | (score.drums[:, : LANE["riser"]] > 0).any(axis=1))
        for part in MONO_PARTS:
            sounds |= score.mono[part] != REST
        silent += [not sounds[round(4 * event.beat) - 1] for event in piece.events if event.beat]
    assert 0.5 < np.mean(silent) < 0.85


def test_bars_are_cut_short_in_places_and_restart_with_the_section(pieces: list[Piece]) -> None:
    short = []
    for piece in pieces:
        for section in piece.sections[:-1]:
            bars = piece.score.beat_in_bar[section.first_beat : section.first_beat + section.beats]
            np.testing.assert_array_equal(bars, np.arange(section.beats) % piece.header.beats_per_bar)
            assert 2 <= section.beats <= 24
            short.append(section.beats % piece.header.beats_per_bar != 0)
    assert 0.2 < np.mean(short) < 0.35


def test_only_the_parts_of_the_header_play(pieces: list[Piece]) -> None:
    for piece in pieces:
        playing = {part for part in MONO_PARTS if piece.score.mono[part].any()}
        playing |= {"chords"} if piece.score.chord.any() else set()
        playing |= {"drums"} if piece.score.drums.any() else set()
        assert playing == piece.header.parts
        assert 0.2 <= piece.header.density <= 1


def test_it_ends_on_the_tonic_and_then_rests(together: list[Piece]) -> None:
    for piece in together:
        last = np.flatnonzero(piece.score.chord_struck)[-1]
        pitches = np.flatnonzero(np.asarray(piece.score.chord)[last]) + RANGES["chords"].low
        assert {int(p) % 12 for p in pitches} == ({9, 0, 4} if piece.header.minor else {0, 4, 7})
        assert last == 4 * piece.sections[-1].first_beat
        assert _loudness(piece)[-8:].sum() == 0
        assert not piece.score.chord[-2:].any()


def test_some_pieces_close_softly_and_some_with_a_hit(together: list[Piece]) -> None:
    hits = [piece.events[-1].kind == "ending" for piece in together]
    assert 0.2 < np.mean(hits) < 0.6
    for piece, hit in zip(together, hits, strict=True):
        last = piece.score.chord_velocity[4 * piece.sections[-1].first_beat]
        assert last > 0.85 if hit else last < 0.62


def test_one_instrument_alone_is_in_the_corpus() -> None:
    alone = [piece for seed in range(60) if len((piece := compose(seed, "jazz", 48)).header.parts) == 1]
    assert alone
    for piece in alone:
        assert piece.header.density == pytest.approx(0.2)
        assert sum(piece.score.mono[part].any() for part in MONO_PARTS) <= 1


def test_now_and_then_a_style_has_what_it_never_has() -> None:
    headers = [compose(seed, "house", 16).header for seed in range(150)]
    for role, own in STYLE_TABLE["house"].programs.items():
        strange = np.mean([header.programs[role] not in own for header in headers])
        assert strange == 0 if role == "drums" else 0.02 < strange < 0.25
    assert {header.meter for header in headers} == {"4/4", "3/4", "6/8"}
    assert any(header.bpm > STYLE_TABLE["house"].bpm[1] for header in headers)


def test_styles_differ_in_what_plays() -> None:
    hits = {s: np.mean([(compose(i, s, 64).score.drums[:, :-1] > 0).mean() for i in range(6)]) for s in STYLES}
    assert hits["house"] > 3 * hits["piano"]
    assert hits["synthwave"] > 2 * hits["ambient"]
    assert all(compose(i, "piano", 32).header.parts <= {"chords", "lead", "arp"} for i in range(10))
