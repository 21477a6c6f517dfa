"""The bass: the root in the style's pattern, with its fifth and octave."""

from model_core.codecs.score.score import RANGES, STEPS_PER_BEAT, Score
from model_core.training.composer.accompaniment import QUIET
from model_core.training.composer.form import Section
from model_core.training.composer.ideas import Ideas
from model_core.training.composer.writing import BAR, WEAK, hold, level_of, note, places

_HELD = "r---------------"
_INTERVALS = {"r": 0, "f": 7, "o": 12}


def write_bass(score: Score, section: Section, ideas: Ideas) -> None:
    """The bass of a section; a new chord always brings its root."""
    pattern = ideas.of(section).bass if section.energy >= QUIET else _HELD
    level = level_of(section)
    for step, place in places(section):
        root = root_pitch(ideas.chord_at(section, place // STEPS_PER_BEAT).root)
        turns, symbol = ideas.turns(section, place), pattern[place % BAR]
        if turns and symbol in "-fo":
            symbol = "r"
        if symbol in _INTERVALS:
            note(score, "bass", step, root + _INTERVALS[symbol], level * (1.0 if place % 4 == 0 else WEAK))
        elif symbol == "-" and place:
            hold(score, "bass", step)


def root_pitch(root: int) -> int:
    """The lowest MIDI pitch of a pitch class in the range of the bass."""
    low = RANGES["bass"].low
    return low + (root - low) % 12
