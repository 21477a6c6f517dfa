"""Functional harmony in C major and A minor, and voicings that move as little as they can."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from model_core.codecs.score.score import RANGES


@dataclass(frozen=True)
class Chord:
    """A chord: its root and its pitch classes, root first, 0 = C."""

    name: str
    pitch_classes: tuple[int, ...]

    @property
    def root(self) -> int:
        return self.pitch_classes[0]

    @property
    def scale(self) -> frozenset[int]:
        """Pitch classes that a melody may use over it: G sharp instead of G over E major."""
        return _HARMONIC if self.name == "E" else _SCALE


_SCALE: Final = frozenset({0, 2, 4, 5, 7, 9, 11})
_HARMONIC: Final = frozenset({0, 2, 4, 5, 8, 9, 11})
_TRIADS: Final = {
    "C": (0, 4, 7), "Dm": (2, 5, 9), "Em": (4, 7, 11), "F": (5, 9, 0), "G": (7, 11, 2), "Am": (9, 0, 4), "E": (4, 8, 11),
}  # fmt: skip
_SEVENTHS: Final = {"C": 11, "Dm": 0, "Em": 2, "F": 4, "G": 5, "Am": 7, "E": 2}
_MAJOR: Final = (
    "C G Am F", "F G Em Am", "C Am F G", "C F Am G", "F C G Am", "C Em F G", "C F C G", "Dm G C Am", "C Am Dm G",
)  # fmt: skip
_MINOR: Final = (
    "Am F C G", "Am Dm F E", "Am G F E", "Am F Dm E", "Am C G Dm", "Am Em F G", "Dm F Am E", "Am Am F G", "Am Dm G C",
)  # fmt: skip


def progression(minor: bool, seventh: bool, rng: np.random.Generator) -> list[Chord]:
    """Four chords that turn round, by mode."""
    names = str(rng.choice(_MINOR if minor else _MAJOR)).split()
    return [chord(name, seventh) for name in names]


def chord(name: str, seventh: bool = False) -> Chord:
    """A chord by its name in _TRIADS, with its diatonic seventh if asked for."""
    return Chord(name, _TRIADS[name] + ((_SEVENTHS[name],) if seventh else ()))


def tonic(minor: bool) -> Chord:
    """The plain triad to end on."""
    return chord("Am" if minor else "C")


def voicing(of: Chord, centre: float) -> list[int]:
    """MIDI pitches, one a pitch class, each as near to ``centre`` as it can be, ascending."""
    low, count = RANGES["chords"].low, RANGES["chords"].count
    pitches = range(low, low + count)
    return sorted({min((p for p in pitches if p % 12 == c), key=lambda p: abs(p - centre)) for c in of.pitch_classes})
