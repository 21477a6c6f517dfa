"""Parts of a section: chords, arp, bass, melody and drums."""

from functools import lru_cache
from typing import Final

import numpy as np

from model_core.models.score.codec.score import FIRST_PITCH, LANE, RANGES, STEPS_PER_BEAT, Score
from model_core.training.composer.form import Section
from model_core.training.composer.harmony import Chord, voice_chord
from model_core.training.composer.ideas import Ideas
from model_core.training.composer.writing import WEAK, compute_level, hold, note, places, ring, strike

QUIET: Final = 0.35
"""Energy below which patterns give way to held notes."""
_ARP_NOTES: Final = 5
_ALBERTI: Final = (0, 2, 1, 2)


def write_chords(score: Score, section: Section, ideas: Ideas) -> None:
    """Voice-led chords, struck where the pattern or the harmony says so."""
    pattern = ideas.material_of(section).chords if section.energy >= QUIET else "x".ljust(ideas.bar, "-")
    centre, level = ideas.centre + section.lift, compute_level(section)
    pitches: tuple[int, ...] = ()
    sounding = False
    for step, place in places(section):
        turns, symbol = ideas.begins_chord(section, place), pattern[place % ideas.bar]
        if turns:
            pitches = voice_chord(ideas.chord_at(section, place // STEPS_PER_BEAT), pitches, centre, ideas.voicing)
        if symbol == "x" or (turns and symbol == "-"):
            strike(score, step, pitches, level * (1.0 if place % ideas.pulse == 0 else WEAK))
        elif symbol == "-" and sounding and not ideas.staccato:
            ring(score, step)
        sounding = bool(score.chord_velocity[step])


def write_arp(score: Score, section: Section, ideas: Ideas) -> None:
    """Broken chords at a steady rate."""
    material, level = ideas.material_of(section), compute_level(section)
    base = 60 + max(0, section.lift)
    for step, place in places(section):
        if place % material.arp_rate:
            hold(score, "arp", step)
            continue
        chord = ideas.chord_at(section, place // STEPS_PER_BEAT)
        pitches = _ladder(chord.pitch_classes, base)
        index = _order(material.arp_shape, place // material.arp_rate, len(pitches))
        note(score, "arp", step, pitches[index], level * (0.85 if place % ideas.pulse == 0 else 0.74))


@lru_cache(maxsize=1024)
def _ladder(pitch_classes: tuple[int, ...], base: int) -> tuple[int, ...]:
    return tuple(p for p in range(base, base + 21) if p % 12 in pitch_classes)[:_ARP_NOTES]


def _order(shape: str, index: int, count: int) -> int:
    if shape == "alberti":
        return _ALBERTI[index % 4]
    if shape == "updown":
        return count - 1 - abs(index % (2 * count - 2) - (count - 1))
    return index % count if shape == "up" else count - 1 - index % count


_BASS_LOW = RANGES["bass"].low
_BASS_HIGH = _BASS_LOW + RANGES["bass"].count - 1
_WALKED = (1, 2, 1)  # members of the chord that a walk takes after its root, one a beat


def write_bass(score: Score, section: Section, ideas: Ideas) -> None:
    """The bass of a section; a new chord always brings its root."""
    pattern = ideas.material_of(section).bass if section.energy >= QUIET else "r".ljust(ideas.bar, "-")
    level = compute_level(section)
    for step, place in places(section):
        chord = ideas.chord_at(section, place // STEPS_PER_BEAT)
        turns, symbol = ideas.begins_chord(section, place), pattern[place % ideas.bar]
        if turns and symbol in "-ftow":
            symbol = "r"
        if symbol in "rftow":
            pitch = _walk(score, section, ideas, step, place) if symbol == "w" else _bass_pitch(chord, symbol)
            note(score, "bass", step, pitch, level * (1.0 if place % ideas.pulse == 0 else WEAK))
        elif symbol == "-" and place:
            hold(score, "bass", step)


def root_pitch(root: int) -> int:
    """The lowest MIDI pitch of a pitch class in the range of the bass."""
    return _BASS_LOW + (root - _BASS_LOW) % 12


def _bass_pitch(chord: Chord, symbol: str) -> int:
    root = root_pitch(chord.root)
    if symbol == "o":
        return root + 12
    member = {"r": 0, "t": 1, "f": 2}[symbol]
    return root + (chord.pitch_classes[member] - chord.root) % 12


def _walk(score: Score, section: Section, ideas: Ideas, step: int, place: int) -> int:
    """A step of a walk: through the chord, and on its last beat next to the root that comes."""
    beat = place // STEPS_PER_BEAT
    chord, coming = ideas.chord_at(section, beat), ideas.chord_at(section, beat + 1)
    before = _last_bass_pitch(score, step) or root_pitch(chord.root)
    if ideas.begins_chord(section, STEPS_PER_BEAT * (beat + 1)) and coming != chord:
        target = _nearest_bass(coming.root, before)
        above, below = target + 1, target - 1
        allowed = [pitch for pitch in (below - 1, below, above, above + 1) if pitch % 12 in chord.scale]
        return min(
            (pitch for pitch in allowed if _BASS_LOW <= pitch <= _BASS_HIGH), key=lambda pitch: abs(pitch - before)
        )
    member = chord.pitch_classes[_WALKED[(beat - 1) % len(_WALKED)]]
    return _nearest_bass(member, before)


def _last_bass_pitch(score: Score, step: int) -> int:
    for earlier in range(step - 1, max(-1, step - 17), -1):
        if score.mono["bass"][earlier] >= FIRST_PITCH:
            return int(score.mono["bass"][earlier]) - FIRST_PITCH + _BASS_LOW
    return 0


def _nearest_bass(pitch_class: int, before: int) -> int:
    """The pitch of a class nearest to another pitch, in the range of the bass, another one unless it is alone."""
    return min(
        (pitch for pitch in range(_BASS_LOW, _BASS_HIGH + 1) if pitch % 12 == pitch_class),
        key=lambda pitch: (abs(pitch - before) + (12 if pitch == before else 0), pitch),
    )


_LEAD_LOW: Final = 62
_LEAD_HIGH: Final = 90
_HOME: Final = 72
_LEAP: Final = 7  # semitones that a melody may jump
_CLIMAX: Final = 4  # semitones by which the third bar of a phrase sets off above the others
_LEAD_LEVEL: Final = 0.04  # the melody lies a little above what accompanies it


def write_lead(score: Score, section: Section, ideas: Ideas) -> None:
    """The melody of a section; it sets off from the same height each time, so that a repeat is heard as one."""
    motif, level = ideas.material_of(section).motif, compute_level(section) + _LEAD_LEVEL
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
                anchor = _nearest_lead(chord, True, start, before)
            strong = place % STEPS_PER_BEAT == 0 or place % ideas.pulse == 0 or kind == 3
            before = _nearest_lead(chord, strong, _steps_from(anchor, contour[min(index, len(contour) - 1)]), before)
            note(score, "lead", step, before, level * (1.0 if place % ideas.bar == 0 else WEAK))
            index += 1


def landing(score: Score, step: int, chord: Chord) -> int:
    """The MIDI pitch of a chord's triad that the melody lands on at a step, near its last one."""
    before = last_pitch(score, step)
    return _nearest_lead(chord, True, before or _HOME, before)


def last_pitch(score: Score, step: int) -> int:
    """MIDI pitch of the last note of the lead before a step, 0 if there is none."""
    played = np.flatnonzero(score.mono["lead"][:step] >= FIRST_PITCH)
    return int(score.mono["lead"][played[-1]]) - FIRST_PITCH + RANGES["lead"].low if len(played) else 0


@lru_cache(maxsize=65536)
def _nearest_lead(chord: Chord, strong: bool, target: int, before: int) -> int:
    """The allowed pitch nearest to a target and within a leap of the note before (0: there is none)."""
    allowed = frozenset(chord.triad) if strong else chord.scale
    near = [
        p for p in range(_LEAD_LOW, _LEAD_HIGH + 1) if p % 12 in allowed and (not before or abs(p - before) <= _LEAP)
    ]
    return min(near, key=lambda p: (abs(p - target), p))


def _steps_from(anchor: int, degrees: int) -> int:
    """About where a number of scale steps from a pitch lie; a scale has 12 / 7 semitones a step."""
    return anchor + round(degrees * 12 / 7)


_FULL: Final = 7  # the digit of a pattern that is played at the section's level
_MEDIUM_ENERGY: Final = 0.4
_HIGH_ENERGY: Final = 0.7
_TURN_BAR: Final = 3  # of four
_GHOST: Final = 0.4  # of the level
# Where a fourth bar differs: ghost notes on the lanes that the groove has, nothing louder than the groove itself.
_TURNS: Final = (((11, "snare"), (14, "snare"), (15, "closed_hat")), ((7, "kick"), (13, "snare"), (15, "tom_low")))


def write_drums(score: Score, section: Section, ideas: Ideas) -> None:
    """The groove of a section."""
    level = compute_level(section)
    groove = ideas.grooves[0 if section.energy < _MEDIUM_ENERGY else 1 if section.energy < _HIGH_ENERGY else 2]
    first, steps = STEPS_PER_BEAT * section.first_beat, STEPS_PER_BEAT * section.beats
    bar = np.zeros((ideas.bar, score.drums.shape[1]), np.float32)
    for lane, pattern in groove.items():
        bar[:, LANE[lane]] = [0.0 if digit == "." else int(digit) / _FULL * level for digit in pattern]
    turn = bar.copy()
    for step, lane in _TURNS[ideas.material_of(section).groove]:
        if step < ideas.bar and lane in groove and not turn[step, LANE[lane]]:
            turn[step, LANE[lane]] = _GHOST * level
    phrase = np.concatenate([bar] * _TURN_BAR + [turn])
    score.drums[first : first + steps] = np.resize(phrase, (steps, bar.shape[1]))
    if section.name == "build":
        _roll(score, first, steps, LANE["tom_low" if "tom_low" in groove else "snare"])


def _roll(score: Score, first: int, steps: int, lane: int) -> None:
    """A roll that grows denser and a little louder towards the end of the section."""
    for index in range(steps):
        share = index / steps
        if index % (4 if share < 0.5 else 2 if share < 0.8 else 1) == 0:
            score.drums[first + index, lane] = 0.28 + 0.24 * share
