"""The corpus is music: legal on the grid, in key, regular, and louder where something happens than anywhere else."""

import copy

import numpy as np
import pytest

from model_core.codecs.score.header import PROGRAMS, STYLES
from model_core.codecs.score.score import FIRST_PITCH, MONO_PARTS, RANGES
from model_core.training.composer import Piece, compose


@pytest.fixture(scope="module")
def pieces() -> list[Piece]:
    return [compose(seed, STYLES[seed % len(STYLES)], 96) for seed in range(48)]


def _onsets(piece: Piece, part: str) -> list[tuple[int, int]]:
    steps = np.flatnonzero(piece.score.mono[part] >= FIRST_PITCH)
    return [(int(t), int(piece.score.mono[part][t]) - FIRST_PITCH + RANGES[part].low) for t in steps]


def _loudness(piece: Piece) -> np.ndarray:
    score = piece.score
    struck = score.chord_velocity * score.chord_struck
    mono = sum(score.mono_velocity[part] * (score.mono[part] >= FIRST_PITCH) for part in MONO_PARTS)
    return np.asarray(score.drums[:, :-1].sum(axis=1) + 2 * struck + mono)


def test_the_same_seed_gives_the_same_piece() -> None:
    one, two = compose(11, "house", 64), compose(11, "house", 64)
    np.testing.assert_array_equal(one.score.chord, two.score.chord)
    np.testing.assert_array_equal(one.score.drums, two.score.drums)
    assert one.header == two.header
    assert one.events == two.events


def test_too_few_beats_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        compose(0, "house", 15)


@pytest.mark.parametrize("beats", [16, 17, 160])
def test_any_length_is_filled_by_its_sections(beats: int) -> None:
    piece = compose(5, "cinematic", beats)
    assert piece.score.beats == beats == sum(section.beats for section in piece.sections)
    assert len(piece.harmony) == beats


def test_the_grid_is_legal(pieces: list[Piece]) -> None:
    for piece in pieces:
        tidied = copy.deepcopy(piece.score).tidy()
        np.testing.assert_array_equal(tidied.chord, piece.score.chord)
        for part in MONO_PARTS:
            np.testing.assert_array_equal(tidied.mono[part], piece.score.mono[part])
            assert piece.score.mono[part].max() < RANGES[part].states
        assert 0 <= piece.score.drums.min() <= piece.score.drums.max() <= 1
        for role, program in piece.header.programs.items():
            assert program in PROGRAMS[role]


def test_it_is_in_key_and_on_the_chords(pieces: list[Piece]) -> None:
    in_scale, leaps, bass = [], [], []
    for piece in pieces:
        for part in MONO_PARTS:
            in_scale += [pitch % 12 in piece.harmony[step // 4].scale for step, pitch in _onsets(piece, part)]
        lead = [pitch for _, pitch in _onsets(piece, "lead")]
        leaps += [abs(b - a) > 7 for a, b in zip(lead, lead[1:], strict=False)]
        bass += [pitch % 12 in piece.harmony[step // 4].pitch_classes for step, pitch in _onsets(piece, "bass")]
    assert np.mean(in_scale) > 0.99
    assert np.mean(bass) > 0.95
    assert np.mean(leaps) < 0.03


def test_what_happens_stands_out(pieces: list[Piece]) -> None:
    for piece in pieces:
        loudness = _loudness(piece)
        at = np.array([int(4 * event.beat) for event in piece.events])
        elsewhere = np.delete(loudness, at)
        assert loudness[at].mean() > 1.5 * np.quantile(elsewhere[elsewhere > 0], 0.9)


def test_bars_are_cut_short_in_places_and_restart_with_the_section(pieces: list[Piece]) -> None:
    short = 0
    for piece in pieces:
        for section in piece.sections:
            assert piece.score.beat_in_bar[section.first_beat] == 0
            short += section.beats % 4 != 0
    assert short > len(pieces)


def test_it_ends_on_the_tonic_and_then_rests(pieces: list[Piece]) -> None:
    for piece in pieces:
        last = np.flatnonzero(piece.score.chord_struck)[-1]
        pitches = np.flatnonzero(piece.score.chord[last]) + RANGES["chords"].low
        assert {int(p) % 12 for p in pitches} == ({9, 0, 4} if piece.header.minor else {0, 4, 7})
        assert _loudness(piece)[-8:].sum() == 0


def test_styles_differ_in_what_plays() -> None:
    hits = {s: np.mean([(compose(i, s, 64).score.drums[:, :-1] > 0).mean() for i in range(6)]) for s in STYLES}
    assert hits["house"] > 3 * hits["piano"]
    assert hits["synthwave"] > 2 * hits["ambient"]
    assert all(compose(i, "piano", 32).header.parts <= {"chords", "lead", "arp"} for i in range(10))
