"""The lead: a motif, its answer, phrases of four bars (A A B A'), chord tones on the strong beats."""

from typing import Final

from model_core.codecs.score.score import FIRST_PITCH, RANGES, STEPS_PER_BEAT, SUSTAIN, Score
from model_core.training.composer.form import Section
from model_core.training.composer.parts import Ideas, chord_at, level_of

_LOW: Final = 64
_HIGH: Final = 86
_BAR: Final = 16
_REACH: Final = 5
_PHRASE: Final = (0, 0, 1, 0)
_CADENCE: Final = "x---x---x-------"


def write_lead(score: Score, section: Section, ideas: Ideas) -> None:
    """The melody of a section. A phrase starts from the same pitch each time, so that repeats are heard as such."""
    state, velocity, level = score.mono["lead"], score.mono_velocity["lead"], level_of(section) + 0.04
    start = 72 + (4 if section.material else 0)
    pitch = start
    for place in range(STEPS_PER_BEAT * section.beats):
        step, beat, bar = STEPS_PER_BEAT * section.first_beat + place, place // STEPS_PER_BEAT, place // _BAR
        half = _PHRASE[bar % 4]
        rhythm = _CADENCE if bar % 4 == 3 else ideas.motifs[section.material][half]
        symbol = rhythm[place % _BAR]
        if symbol == "x":
            index = rhythm[: place % _BAR].count("x")
            if index == 0:
                pitch = start + (3 if half else 0)
            moves = ideas.contours[section.material][half]
            chord = chord_at(section, ideas, beat)
            strong = place % 8 == 0 or rhythm is _CADENCE
            allowed = frozenset(chord.pitch_classes[:3]) if strong else chord.scale
            target = pitch + 2 * moves[index % len(moves)]
            pitch = min(
                (p for p in range(_LOW, _HIGH + 1) if p % 12 in allowed and abs(p - start) <= _REACH),
                key=lambda p: abs(p - target) + 0.01 * p,  # noqa: B023
            )
            state[step] = FIRST_PITCH + pitch - RANGES["lead"].low
            velocity[step] = level * (1.0 if place % 8 == 0 else 0.9)
        elif symbol == "-" and place:
            state[step], velocity[step] = SUSTAIN, velocity[step - 1]
