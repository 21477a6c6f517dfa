"""Harmony in C major and A minor with the chords they borrow: progressions, voicings and voice leading."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from model_core.models.score.codec.score import RANGES


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
# Chords from outside the home scale (secondary dominants, modal mixture) bend it while they sound.
_BENT_SCALES: Final = {
    "E": frozenset({0, 2, 4, 5, 8, 9, 11}), "Bb": frozenset({0, 2, 4, 5, 7, 9, 10}),
    "D": frozenset({0, 2, 4, 6, 7, 9, 11}), "A": frozenset({1, 2, 4, 5, 7, 9, 11}),
    "Fm": frozenset({0, 2, 4, 5, 7, 8, 11}), "Ab": frozenset({0, 2, 3, 5, 7, 8, 10}),
}  # fmt: skip
_TRIADS: Final = {
    "C": (0, 4, 7), "Dm": (2, 5, 9), "Em": (4, 7, 11), "F": (5, 9, 0), "G": (7, 11, 2), "Am": (9, 0, 4),
    "E": (4, 8, 11), "Bb": (10, 2, 5), "D": (2, 6, 9), "A": (9, 1, 4), "Fm": (5, 8, 0), "Ab": (8, 0, 3),
    "Bm7b5": (11, 2, 5),
}  # fmt: skip
_SEVENTHS: Final = {
    "C": 11, "Dm": 0, "Em": 2, "F": 4, "G": 5, "Am": 7, "E": 2, "Bb": 9, "D": 0, "A": 7, "Fm": 2, "Ab": 7, "Bm7b5": 9,
}  # fmt: skip
_HALF_CADENCES: Final = (("F G", "Dm G", "C G"), ("Dm E", "F E", "Bb E", "F G"))
_PERIOD_ODDS: Final = 0.45


def progression(turns: tuple[str, ...], minor: bool, seventh: bool, rng: np.random.Generator) -> tuple[Chord, ...]:
    """Four chords that turn round, or eight: the turn twice, the second time with a half cadence at its end."""
    names = str(rng.choice(turns)).split()
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


_LOW: Final = RANGES["chords"].low
_HIGH: Final = _LOW + RANGES["chords"].count - 1
_FREE: Final = 4.0  # semitones that the middle of a voicing may drift from its centre before it costs
_DRIFT_COST: Final = 2.0


@lru_cache(maxsize=1024)
def positions(pitch_classes: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Every close position of a chord within the range of the chords, ascending pitches each."""
    found = []
    for turn in range(len(pitch_classes)):
        order = sorted((c - pitch_classes[turn]) % 12 for c in pitch_classes)
        for lowest in range(_LOW, _HIGH + 1):
            if lowest % 12 == pitch_classes[turn] and lowest + order[-1] <= _HIGH:
                found.append(tuple(lowest + interval for interval in order))
    return tuple(found)


@lru_cache(maxsize=16384)
def lead_voices(pitch_classes: tuple[int, ...], before: tuple[int, ...], centre: int) -> tuple[int, ...]:
    """The close position that moves least from ``before`` (may be empty) and stays about ``centre``."""

    def cost(pitches: tuple[int, ...]) -> float:
        drift = abs(sum(pitches) / len(pitches) - centre)
        if not before:
            return drift
        moved = sum(min(abs(p - q) for q in before) for p in pitches)
        return moved + _DRIFT_COST * max(0.0, drift - _FREE)

    return min(positions(pitch_classes), key=cost)


@lru_cache(maxsize=16384)
def voice_chord(chord: Chord, before: tuple[int, ...], centre: int, voicing: str) -> tuple[int, ...]:
    """A chord in one of the voicings of a style, ascending, moving little from ``before`` (may be empty).

    Open: the second voice from above drops an octave where it can. Power: root, fifth and octave, low.
    """
    if voicing == "power":
        root = _LOW + (chord.root - _LOW) % 12
        return (root, root + 7, root + 12)
    close = lead_voices(chord.pitch_classes, before if voicing == "close" else (), centre)
    if voicing == "open" and close[-2] - 12 >= _LOW:
        return tuple(sorted((*close[:-2], close[-2] - 12, close[-1])))
    return close


def spread(chord: Chord, centres: tuple[int, ...]) -> list[int]:
    """A wide voicing for a hit: the close positions nearest to several centres at once."""
    return sorted({pitch for centre in centres for pitch in lead_voices(chord.pitch_classes, (), centre)})
