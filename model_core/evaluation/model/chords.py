"""Which chord sounds at each beat, heard from the chord part alone, in the vocabulary of the composer's harmony."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.models.score.codec.score import RANGES, STEPS_PER_BEAT, Score
from model_core.training.composer.harmony import Chord, chord

_NAMES: Final = ("C", "Am", "F", "G", "Dm", "Em", "E", "Bb", "D", "A", "Fm", "Ab", "Bm7b5")
"""Commonest first: of two that fit alike the first is taken, as a fifth without its third is heard in the key."""
CHORDS: Final = tuple(chord(name, seventh) for seventh in (False, True) for name in _NAMES)
_MEMBER: Final = np.array([[float(tone in one.pitch_classes) for tone in range(12)] for one in CHORDS])
_SIZES: Final = _MEMBER.sum(axis=1)
_MISSING: Final = 0.1
"""What a chord tone that does not sound counts against a chord, beside 1 for all that sounds."""

Beats = Sequence[Chord | None]


def best_chord(weights: NDArray[np.float64]) -> Chord:
    """The chord of the vocabulary that fits best.

    Args:
        weights: how much each pitch class sounds, shape (12,), not all zero.
    """
    shares = weights / weights.sum()
    sounding = (weights > 0).astype(np.float64)
    fit = 2 * (_MEMBER @ shares) - 1 - _MISSING * (_SIZES - _MEMBER @ sounding)
    return CHORDS[int(fit.argmax())]


def tone_weights(score: Score) -> NDArray[np.float64]:
    """Steps for which each pitch class of the chord part sounds, by beat, shape (N, 12)."""
    steps = score.chord.reshape(score.beats, STEPS_PER_BEAT, -1).sum(axis=1).astype(np.float64)
    classes = (RANGES["chords"].low + np.arange(RANGES["chords"].count)) % 12
    return np.stack([steps[:, classes == tone].sum(axis=1) for tone in range(12)], axis=1)


def chords_of(score: Score) -> Beats:
    """The chord of each beat; a silent beat has that of the nearest sounding beat of its bar, None if there is none."""
    weights = tone_weights(score)
    bars = np.cumsum(score.beat_in_bar == 0)
    found: list[Chord | None] = []
    for beat in range(score.beats):
        near = [other for other in range(max(0, beat - 3), min(score.beats, beat + 4)) if bars[other] == bars[beat]]
        sounding = [other for other in near if weights[other].any()]
        nearest = min(sounding, key=lambda other: (abs(other - beat), other), default=None)
        found.append(None if nearest is None else best_chord(weights[nearest]))
    return found
