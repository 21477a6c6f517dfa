"""Voicings: where the notes of a chord lie, moving as little as they can from one chord to the next."""

from functools import lru_cache
from typing import Final

from model_core.models.score.codec.score import RANGES
from model_core.training.composer.harmony import Chord

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
def voiced(chord: Chord, before: tuple[int, ...], centre: int, voicing: str) -> tuple[int, ...]:
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
