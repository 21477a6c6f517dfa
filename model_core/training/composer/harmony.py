"""Functional harmony in C major and A minor: chords, turns of four, and periods of eight that close with a cadence."""

from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True)
class Chord:
    """A chord: its root and its pitch classes, root first, 0 = C."""

    name: str
    pitch_classes: tuple[int, ...]

    @property
    def root(self) -> int:
        return self.pitch_classes[0]

    @property
    def triad(self) -> tuple[int, ...]:
        return self.pitch_classes[:3]

    @property
    def scale(self) -> frozenset[int]:
        """Pitch classes that a melody may use over it: the home scale, bent by E major and B flat major."""
        return _BENT_SCALES.get(self.name, SCALE)


SCALE: Final = frozenset({0, 2, 4, 5, 7, 9, 11})
_BENT_SCALES: Final = {"E": frozenset({0, 2, 4, 5, 8, 9, 11}), "Bb": frozenset({0, 2, 4, 5, 7, 9, 10})}
_TRIADS: Final = {
    "C": (0, 4, 7), "Dm": (2, 5, 9), "Em": (4, 7, 11), "F": (5, 9, 0), "G": (7, 11, 2), "Am": (9, 0, 4),
    "E": (4, 8, 11), "Bb": (10, 2, 5),
}  # fmt: skip
_SEVENTHS: Final = {"C": 11, "Dm": 0, "Em": 2, "F": 4, "G": 5, "Am": 7, "E": 2, "Bb": 9}

# Turns of four chords by style, major then minor: what each style is known by.
_TURNS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "cinematic": (
        ("C G Am F", "C F Am G", "F G Am C", "C Am F G", "F C G Am"),
        ("Am F C G", "Am C G Dm", "Am F Dm E", "Am Dm F E", "Am G F E", "Am F Bb E"),
    ),
    "tension": (
        ("Am F Am E", "Dm Am F G"),
        ("Am Am F F", "Am F Am E", "Am Am Bb Am", "Am Dm Am E", "Am Em Am F"),
    ),
    "synthwave": (
        ("F G Em Am", "C G Am F", "F G Am C", "C Am F G"),
        ("Am F C G", "Am G F G", "F G Am Am", "Am Em F G", "Am C F G"),
    ),
    "house": (
        ("F G Em Am", "C Am F G", "F C G Am", "C G Am F"),
        ("Am F C G", "Am C G F", "Dm F Am G", "Am Em F G", "F Am C G"),
    ),
    "lofi": (
        ("Dm G C Am", "F Em Dm C", "C Am Dm G", "F G Em Am", "C Em Dm G"),
        ("Am Dm G C", "Dm G Am Am", "F Em Am Am", "Am F Dm E", "Dm Am F E"),
    ),
    "acoustic": (
        ("C G Am F", "C F C G", "C F Am G", "F C G C", "C Em F G", "C C F G"),
        ("Am F C G", "Am G F G", "Am C G Am", "Am Dm Am E"),
    ),
    "ambient": (
        ("C F C F", "C Am F C", "F C Dm C", "C Em F C", "C G F F"),
        ("Am F Am F", "Am Em F F", "Am C F Am", "Dm Am F Am"),
    ),
    "piano": (
        ("C G Am F", "C Am F G", "F C Dm G", "C Em F G", "C F Am G"),
        ("Am F C G", "Am Em F C", "Am Dm G C", "Am F Dm E", "Am C F E"),
    ),
}  # fmt: skip
_HALF_CADENCES: Final = (("F G", "Dm G", "C G"), ("Dm E", "F E", "Bb E", "F G"))
_PERIOD_ODDS: Final = 0.45


def progression(style: str, minor: bool, seventh: bool, rng: np.random.Generator) -> tuple[Chord, ...]:
    """Four chords that turn round, or eight: the turn twice, the second time with a half cadence at its end."""
    names = str(rng.choice(_TURNS[style][int(minor)])).split()
    if rng.random() < _PERIOD_ODDS:
        cadence = str(rng.choice(_HALF_CADENCES[int(minor)])).split()
        names = names + names[:2] + cadence
    return tuple(chord(name, seventh) for name in names)


def chord(name: str, seventh: bool = False) -> Chord:
    """A chord by its name in _TRIADS, with its diatonic seventh if asked for."""
    return Chord(name, _TRIADS[name] + ((_SEVENTHS[name],) if seventh else ()))


def tonic(minor: bool) -> Chord:
    """The plain triad to end on."""
    return chord("Am" if minor else "C")
