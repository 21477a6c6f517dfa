"""The lead: a motif, its answer and a close, in phrases of four bars (A A' B A''), chord tones on the strong beats."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from model_core.models.score.codec.score import FIRST_PITCH, RANGES, STEPS_PER_BEAT, Score
from model_core.training.composer.form import Section
from model_core.training.composer.harmony import Chord
from model_core.training.composer.writing import WEAK, hold, level_of, note

if TYPE_CHECKING:
    from model_core.training.composer.ideas import Ideas

_LOW: Final = 62
_HIGH: Final = 90
_HOME: Final = 72
_LEAP: Final = 7  # semitones that a melody may jump
_MOVES: Final = (-2, -1, -1, 1, 1, 2)
_CLIMAX: Final = 4  # semitones by which the third bar of a phrase sets off above the others
_CLOSES: Final = {
    16: ("x---x---x-------", "x-------x-------", "x-----x-x-------"),
    12: ("x---x-------", "x-----------", "x-----x-----"),
}  # fmt: skip
_LEAD_LEVEL: Final = 0.04  # the melody lies a little above what accompanies it


@dataclass(frozen=True)
class Motif:
    """What a melody is made of.

    Attributes:
        rhythms: patterns of the bars A, A', B and A''.
        contours: for the same bars, scale steps from the bar's first note to each further one.
    """

    rhythms: tuple[str, str, str, str]
    contours: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]


def draw_motif(patterns: tuple[str, ...], rng: np.random.Generator) -> Motif:
    """A motif in one of the style's rhythms; its answer keeps the rhythm half of the time."""

    def contour() -> list[int]:
        walk = [0]
        for _ in range(8):
            move = int(rng.choice(_MOVES))
            walk.append(walk[-1] + (move if -2 <= walk[-1] + move <= 4 else -move))
        return walk

    first = str(rng.choice(patterns))
    answer = first if rng.random() < 0.5 else str(rng.choice(patterns))
    close = str(rng.choice(_CLOSES[len(first)]))
    one, two = contour(), contour()
    varied = [*one[:2], *(step - 1 for step in one[2:])]
    ending = (0, *(step - 1 for step in one[1:2]), 0, 0, 0, 0, 0, 0, 0)
    return Motif((first, first, answer, close), (tuple(one), tuple(varied), tuple(two), ending))


def write_lead(score: Score, section: Section, ideas: "Ideas") -> None:
    """The melody of a section; it sets off from the same height each time, so that a repeat is heard as one."""
    motif, level = ideas.of(section).motif, level_of(section) + _LEAD_LEVEL
    home = _HOME + (section.lift if section.lift > 0 else 0)
    before = last_pitch(score, STEPS_PER_BEAT * section.first_beat)
    for bar in range(-(-STEPS_PER_BEAT * section.beats // ideas.bar)):
        kind = bar % 4 if STEPS_PER_BEAT * section.beats > ideas.bar else 3 * int(section.name == "ending")
        rhythm, contour = motif.rhythms[kind], motif.contours[kind]
        start = home + (_CLIMAX if kind == 2 else 0)
        index = 0
        for place in range(bar * ideas.bar, min((bar + 1) * ideas.bar, STEPS_PER_BEAT * section.beats)):
            step, symbol = STEPS_PER_BEAT * section.first_beat + place, rhythm[place % ideas.bar]
            if symbol == "-" and place:
                hold(score, "lead", step)
            if symbol != "x":
                continue
            chord = ideas.chord_at(section, place // STEPS_PER_BEAT)
            if index == 0:
                anchor = _nearest(chord, True, start, before)
            strong = place % STEPS_PER_BEAT == 0 or place % ideas.pulse == 0 or kind == 3
            before = _nearest(chord, strong, _steps_from(anchor, contour[min(index, len(contour) - 1)]), before)
            note(score, "lead", step, before, level * (1.0 if place % ideas.bar == 0 else WEAK))
            index += 1


def landing(score: Score, step: int, chord: Chord) -> int:
    """The MIDI pitch of a chord's triad that the melody lands on at a step, near its last one."""
    before = last_pitch(score, step)
    return _nearest(chord, True, before or _HOME, before)


def last_pitch(score: Score, step: int) -> int:
    """MIDI pitch of the last note of the lead before a step, 0 if there is none."""
    played = np.flatnonzero(score.mono["lead"][:step] >= FIRST_PITCH)
    return int(score.mono["lead"][played[-1]]) - FIRST_PITCH + RANGES["lead"].low if len(played) else 0


@lru_cache(maxsize=65536)
def _nearest(chord: Chord, strong: bool, target: int, before: int) -> int:
    """The allowed pitch nearest to a target and within a leap of the note before (0: there is none)."""
    allowed = frozenset(chord.triad) if strong else chord.scale
    near = [p for p in range(_LOW, _HIGH + 1) if p % 12 in allowed and (not before or abs(p - before) <= _LEAP)]
    return min(near, key=lambda p: (abs(p - target), p))


def _steps_from(anchor: int, degrees: int) -> int:
    """About where a number of scale steps from a pitch lie; a scale has 12 / 7 semitones a step."""
    return anchor + round(degrees * 12 / 7)
