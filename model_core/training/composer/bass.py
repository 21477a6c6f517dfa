"""The bass: the root in the style's pattern, with its fifth, third and octave, or walking."""

from model_core.models.score.codec.score import FIRST_PITCH, RANGES, STEPS_PER_BEAT, Score
from model_core.training.composer.accompaniment import QUIET
from model_core.training.composer.form import Section
from model_core.training.composer.harmony import Chord
from model_core.training.composer.ideas import Ideas
from model_core.training.composer.writing import WEAK, hold, level_of, note, places

_LOW = RANGES["bass"].low
_HIGH = _LOW + RANGES["bass"].count - 1
_WALKED = (1, 2, 1)  # members of the chord that a walk takes after its root, one a beat


def write_bass(score: Score, section: Section, ideas: Ideas) -> None:
    """The bass of a section; a new chord always brings its root."""
    pattern = ideas.of(section).bass if section.energy >= QUIET else "r".ljust(ideas.bar, "-")
    level = level_of(section)
    for step, place in places(section):
        chord = ideas.chord_at(section, place // STEPS_PER_BEAT)
        turns, symbol = ideas.turns(section, place), pattern[place % ideas.bar]
        if turns and symbol in "-ftow":
            symbol = "r"
        if symbol in "rftow":
            pitch = _walked(score, section, ideas, step, place) if symbol == "w" else _pitch(chord, symbol)
            note(score, "bass", step, pitch, level * (1.0 if place % ideas.pulse == 0 else WEAK))
        elif symbol == "-" and place:
            hold(score, "bass", step)


def root_pitch(root: int) -> int:
    """The lowest MIDI pitch of a pitch class in the range of the bass."""
    return _LOW + (root - _LOW) % 12


def _pitch(chord: Chord, symbol: str) -> int:
    root = root_pitch(chord.root)
    if symbol == "o":
        return root + 12
    member = {"r": 0, "t": 1, "f": 2}[symbol]
    return root + (chord.pitch_classes[member] - chord.root) % 12


def _walked(score: Score, section: Section, ideas: Ideas, step: int, place: int) -> int:
    """A step of a walk: through the chord, and on its last beat next to the root that comes."""
    beat = place // STEPS_PER_BEAT
    chord, coming = ideas.chord_at(section, beat), ideas.chord_at(section, beat + 1)
    before = _last_pitch(score, step) or root_pitch(chord.root)
    if ideas.turns(section, STEPS_PER_BEAT * (beat + 1)) and coming != chord:
        target = _nearest(coming.root, before)
        above, below = target + 1, target - 1
        allowed = [pitch for pitch in (below - 1, below, above, above + 1) if pitch % 12 in chord.scale]
        return min((pitch for pitch in allowed if _LOW <= pitch <= _HIGH), key=lambda pitch: abs(pitch - before))
    member = chord.pitch_classes[_WALKED[(beat - 1) % len(_WALKED)]]
    return _nearest(member, before)


def _last_pitch(score: Score, step: int) -> int:
    for earlier in range(step - 1, max(-1, step - 17), -1):
        if score.mono["bass"][earlier] >= FIRST_PITCH:
            return int(score.mono["bass"][earlier]) - FIRST_PITCH + _LOW
    return 0


def _nearest(pitch_class: int, before: int) -> int:
    """The pitch of a class nearest to another pitch, in the range of the bass, another one unless it is alone."""
    return min(
        (pitch for pitch in range(_LOW, _HIGH + 1) if pitch % 12 == pitch_class),
        key=lambda pitch: (abs(pitch - before) + (12 if pitch == before else 0), pitch),
    )
