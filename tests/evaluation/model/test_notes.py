"""The figures of notes on scores of which they are known, and chords told from what sounds."""

import numpy as np
import pytest

from model_core.evaluation.model.notes import count_notes, find_chord, infer_chords, list_bars, note_rows
from model_core.models.score.codec.score import Score
from model_core.training.composer import compose
from tests.evaluation.model.made import put, strike


@pytest.mark.parametrize(
    ("tones", "name", "size"),
    [
        ((0, 4, 7), "C", 3), ((9, 0, 4), "Am", 3), ((5, 9, 0), "F", 3), ((4, 8, 11), "E", 3), ((0, 7), "C", 3),
        ((7, 11, 2, 5), "G", 4), ((2, 5, 9, 0), "Dm", 4), ((11, 2, 5), "Bm7b5", 3), ((5, 8, 0), "Fm", 3),
    ],
)  # fmt: skip
def test_a_chord_is_told_from_its_tones(tones: tuple[int, ...], name: str, size: int) -> None:
    weights = np.zeros(12)
    weights[list(tones)] = 1
    found = find_chord(weights)
    assert (found.name, len(found.pitch_classes)) == (name, size)


def test_a_passing_tone_does_not_change_the_chord() -> None:
    weights = np.zeros(12)
    weights[[0, 4, 7]], weights[2] = 4, 1
    assert find_chord(weights).name == "C"


def test_a_silent_beat_has_the_chord_of_its_bar_and_a_silent_bar_none() -> None:
    score = Score.empty(12)
    strike(score, 0, (60, 64, 67))
    strike(score, 4, (57, 60, 64))
    names = [None if chord is None else chord.name for chord in infer_chords(score)]
    assert names == ["C"] * 4 + ["Am"] * 4 + [None] * 4


def test_chords_of_the_corpus_are_the_composers_own() -> None:
    right = [
        heard.name == real.name
        for seed, style in enumerate(("house", "jazz", "rock", "orchestral", "comedy", "latin"))
        for piece in [compose(seed, style, 48)]
        for heard, real in zip(infer_chords(piece.score), piece.harmony, strict=True)
        if heard is not None
    ]
    assert np.mean(right) > 0.98


@pytest.fixture
def tune() -> Score:
    """Four bars of C: one note of five is a leap away, off the chord and on a beat; one bass note of four is wrong."""
    score = Score.empty(16)
    for bar in range(4):
        strike(score, 4 * bar, (60, 64, 67), 4)
        put(score, "bass", 16 * bar, 41 if bar == 3 else 36, 4)
    for step, pitch in ((0, 72), (4, 76), (8, 79), (12, 90), (14, 79)):
        put(score, "lead", step, pitch)
    return score


def test_each_note_is_counted_once(tune: Score) -> None:
    assert count_notes(tune) == {
        "in scale": (4 * 3 + 4 + 4, 4 * 3 + 4 + 5),
        "bass": (3, 4),
        "lead": (3, 4),  # the fifth note is off the beat
        "leaps": (2, 4),
        "rhythm": (0, 0),
    }


def test_rhythms_come_again_within_four_bars() -> None:
    score = Score.empty(28)
    for bar, last in enumerate((6, 6, 7, 8, 9, 10, 6)):
        put(score, "lead", 16 * bar + 2, 72)
        put(score, "lead", 16 * bar + last, 72 + bar)
    assert count_notes(score)["rhythm"] == (1, 6)  # the last one is five bars after the second: too far
    put(score, "lead", 16 * 1, 74)
    assert count_notes(score)["rhythm"] == (1, 6)  # and a first step does not count


def test_bars_cut_short_are_no_rhythms_to_compare() -> None:
    score = Score.empty(12)
    score.beat_in_bar[:] = [0, 1, 2, 3, 0, 1, 0, 1, 2, 3, 0, 1]
    assert list_bars(score) == [(0, 4), (4, 2), (6, 4), (10, 2)]
    for beat in (0, 4, 6, 10):
        put(score, "lead", 4 * beat + 2, 72)
    assert count_notes(score)["rhythm"] == (1, 1)


def test_takes_and_corpus_stand_side_by_side(tune: Score) -> None:
    rows = note_rows([tune], [compose(seed, "pop", 64).score for seed in range(4)])
    bass = next(row for row in rows if row.figure.startswith("bass"))
    assert bass.reached.value == 0.75
    assert bass.corpus is not None
    assert bass.corpus > 0.97
    assert bass.met is False
