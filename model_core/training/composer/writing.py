"""Writing on the grid: notes of the mono parts, chords, and stretches of silence."""

from collections.abc import Iterable, Iterator

from model_core.models.score.codec.score import (
    FIRST_PITCH,
    LANE,
    MONO_PARTS,
    RANGES,
    REST,
    STEPS_PER_BEAT,
    SUSTAIN,
    Score,
)
from model_core.training.composer.form import Section

WEAK = 0.88
"""Velocity of a weak step beside a strong one."""


def places(section: Section) -> Iterator[tuple[int, int]]:
    """Iterate over the steps of a section: index in the piece and index in the section."""
    first = STEPS_PER_BEAT * section.first_beat
    return ((first + place, place) for place in range(STEPS_PER_BEAT * section.beats))


def compute_level(section: Section) -> float:
    """Velocity of the groove, 0.3 to 0.54: even and moderate, so that events stand out."""
    return 0.3 + 0.24 * section.energy


def note(score: Score, part: str, step: int, pitch: int, velocity: float) -> None:
    """Begin a note of a mono part; the MIDI pitch lies in the part's range."""
    score.mono[part][step] = FIRST_PITCH + pitch - RANGES[part].low
    score.mono_velocity[part][step] = velocity


def hold(score: Score, part: str, step: int) -> None:
    """Sustain the part's note of the step before."""
    if score.mono[part][step - 1] != REST:
        score.mono[part][step] = SUSTAIN
        score.mono_velocity[part][step] = score.mono_velocity[part][step - 1]


def strike(score: Score, step: int, pitches: Iterable[int], velocity: float) -> None:
    """Strike a chord; its MIDI pitches lie in the range of the chords."""
    score.chord[step] = False
    score.chord[step, [pitch - RANGES["chords"].low for pitch in pitches]] = True
    score.chord_struck[step] = True
    score.chord_velocity[step] = velocity


def ring(score: Score, step: int) -> None:
    """Sustain the chord of the step before."""
    score.chord[step] = score.chord[step - 1]
    score.chord_velocity[step] = score.chord_velocity[step - 1]


def silence(score: Score, first: int, last: int) -> None:
    """Empty the steps first .. last - 1 of everything but the riser; no note rings on after them."""
    score.drums[first:last, : LANE["riser"]] = 0
    for part in MONO_PARTS:
        mute(score, part, first, last)
    score.chord[first:last] = False
    score.chord_struck[first:last] = False
    score.chord_velocity[first:last] = 0


def mute(score: Score, part: str, first: int, last: int) -> None:
    """Empty the steps of one mono part."""
    score.mono[part][first:last] = REST
    score.mono_velocity[part][first:last] = 0
