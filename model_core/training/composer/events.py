"""Events of a piece: hits where sections meet and anywhere else, what prepares them, and the ending.

A hit is the loudest thing for beats around: everything is struck anew at nearly full velocity in a wide register, with
a crash and an impact where there are drums. Everything else in a piece stays far below it.

Gaps before a hit are mostly about a fifth of a second long. The ear, and the music curve, then take silence and hit for
one event; where a longer gap begins is an event of its own, so those are rare.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from model_core.models.score.codec.score import FIRST_PITCH, LANE, MONO_PARTS, STEPS_PER_BEAT, SUSTAIN, Score
from model_core.plan.plan import Header
from model_core.training.composer.form import Section
from model_core.training.composer.harmony import Chord, spread
from model_core.training.composer.parts import landing, root_pitch
from model_core.training.composer.writing import hold, mute, note, ring, silence, strike

BIG: Final = 0.7
"""Strength from which a hit uses every register and the impact."""
_SHORT: Final = 4  # steps that a hit rings where nothing follows
_BRIGHT: Final = {root: max(p for p in range(72, 88) if p % 12 == root) for root in range(12)}
_REST: Final = 2  # steps after the last chord
_ENDING_STRENGTH: Final = 0.85


@dataclass(frozen=True)
class Event:
    """Event that a listener notices, at a beat (may be fractional), with a strength of 0..1, of a kind."""

    beat: float
    strength: float
    kind: str


def hit(score: Score, step: int, chord: Chord, strength: float, parts: frozenset[str]) -> None:
    """Strike all parts of the piece at a step: a wide chord, a low root, and percussion."""
    velocity = 0.86 + 0.14 * strength
    strike(score, step, spread(chord, (50, 63, 76) if strength >= BIG else (52, 65)), velocity)
    _ring_on(score, step)
    if "bass" in parts:
        note(score, "bass", step, root_pitch(chord.root), velocity)
        _extend(score, "bass", step)
    if "arp" in parts:
        # A plucked note high up, also where the arp is silent: pads alone have no attack.
        note(score, "arp", step, _BRIGHT[chord.root], velocity)
        _extend(score, "arp", step)
    if score.mono["lead"][step] >= FIRST_PITCH:
        score.mono_velocity["lead"][step] = velocity
        _extend(score, "lead", step, 0)
    elif "lead" in parts and "chords" not in parts:
        note(score, "lead", step, landing(score, step, chord), velocity)
        _extend(score, "lead", step)
    elif score.mono["lead"][step] == SUSTAIN:
        # A note held across the hit would blur it.
        until = step
        while until < score.steps and score.mono["lead"][until] == SUSTAIN:
            until += 1
        mute(score, "lead", step, until)
    if "drums" in parts:
        score.drums[step, LANE["kick"]] = velocity
        score.drums[step, LANE["crash"]] = 0.5 + 0.5 * strength
        if strength >= BIG:
            score.drums[step, LANE["impact"]] = velocity


def _ring_on(score: Score, step: int) -> None:
    """Let the chord of a hit ring until the next one, at least two steps, and four where silence follows."""
    for held in range(step + 1, score.steps):
        if (score.chord_struck[held] and held >= step + 2) or (held >= step + _SHORT and not score.chord[held].any()):
            return
        score.chord_struck[held] = False
        ring(score, held)


def _extend(score: Score, part: str, step: int, least: int = _SHORT) -> None:
    """Extend the note at a step to the next one, by ``least`` steps where nothing follows, at one velocity."""
    held = step + 1
    while held < score.steps and (
        score.mono[part][held] == SUSTAIN or (held < step + least and score.mono[part][held] < FIRST_PITCH)
    ):
        score.mono[part][held] = SUSTAIN
        score.mono_velocity[part][held] = score.mono_velocity[part][step]
        held += 1


def end(score: Score, section: Section, chord: Chord, parts: frozenset[str]) -> Event:
    """Write the ending: one last hit on the tonic that rings, then rest."""
    first = STEPS_PER_BEAT * section.first_beat
    silence(score, first, score.steps)
    score.drums[first:, LANE["riser"]] = 0
    hit(score, first, chord, _ENDING_STRENGTH, parts)
    _ring_out(score, first, parts)
    return Event(section.first_beat, _ENDING_STRENGTH, "ending")


def close(score: Score, section: Section, chord: Chord, parts: frozenset[str], velocity: float) -> None:
    """Write an ending without an event: the tonic at the level of the music before it, which rings, then rest."""
    first = STEPS_PER_BEAT * section.first_beat
    silence(score, first, score.steps)
    score.drums[first:, LANE["riser"]] = 0
    strike(score, first, spread(chord, (52, 64)), velocity)
    if "bass" in parts:
        note(score, "bass", first, root_pitch(chord.root), velocity)
    if "lead" in parts:
        note(score, "lead", first, landing(score, first, chord), velocity)
    elif "arp" in parts:
        note(score, "arp", first, _BRIGHT[chord.root], velocity)
    if "drums" in parts:
        score.drums[first, LANE["kick"]] = velocity
    _ring_out(score, first, parts)


def _ring_out(score: Score, first: int, parts: frozenset[str]) -> None:
    for step in range(first + 1, score.steps - _REST):
        ring(score, step)
        for part in {"bass", "arp", "lead"} & parts:
            hold(score, part, step)


_WITH_DRUMS: Final = {"gap": 0.54, "gap and riser": 0.14, "fill and gap": 0.12, "thin": 0.06, "plain": 0.14}
_WITHOUT: Final = {"gap": 0.7, "thin": 0.12, "plain": 0.18}
_LONG_GAPS: Final = (2, 3, 4)
_LONG_ODDS: Final = 0.12
_TWO_STEP_BPM: Final = 100.0
_THIN: Final = 4
_FILL: Final = ("tom_high", "tom_high", "tom_low", "tom_low")
_FILL_LEVEL: Final = 0.3


@dataclass(frozen=True)
class HitContext:
    """Circumstances of a hit: free steps before it, drums just before and in the whole piece, tempo.

    ``bare`` allows a hit without a gap: enough where a section changes too, too weak within a groove.
    """

    steps: int
    drums_before: bool
    drums: bool
    bpm: float
    bare: bool = True


def prepare(score: Score, step: int, room: HitContext, rng: np.random.Generator) -> str:
    """Write one of the preparations before a step and return its name."""
    odds = _WITH_DRUMS if room.drums else _WITHOUT
    kind = str(rng.choice(list(odds), p=list(odds.values())))
    if not room.bare and kind in ("thin", "plain"):
        kind = "gap"
    if room.steps < 1:
        return "plain"
    gap = min(room.steps, draw_gap(room.bpm, rng))
    if "fill" in kind:
        gap = 1
        if not room.drums_before or room.steps < len(_FILL) + gap:
            kind = "gap"
        else:
            _fill(score, step - gap - len(_FILL))
    if "riser" in kind:
        length = min(room.steps, int(rng.choice([8, 8, 16])))
        score.drums[step - length : step, LANE["riser"]] = np.linspace(0.15, 0.7, length)
    if "gap" in kind:
        silence(score, step - gap, step)
    elif kind == "thin":
        for part in ("bass", "arp"):
            mute(score, part, step - min(room.steps, _THIN), step)
    return kind


def draw_gap(bpm: float, rng: np.random.Generator) -> int:
    """Draw the steps of a gap: one or two by the tempo, now and then more."""
    if rng.random() < _LONG_ODDS:
        return int(rng.choice(_LONG_GAPS))
    return 1 if bpm < _TWO_STEP_BPM else 2


def _fill(score: Score, first: int) -> None:
    """Write four strokes on the toms in place of the groove, a little louder each."""
    score.drums[first : first + len(_FILL), : LANE["crash"]] = 0
    for index, lane in enumerate(_FILL):
        score.drums[first + index, LANE[lane]] = _FILL_LEVEL + 0.05 * index


_BEATS_EACH: Final = 16  # one accent in so many beats at the most
_APART_S: Final = 1.2  # between an accent and any other event
_LEAST_APART: Final = 1.5  # beats
_HALF_ODDS: Final = 0.3
_STOP_ODDS: Final = 0.15
_CALM: Final = 16  # beats of a section that is left alone


def add_accents(
    score: Score, sections: list[Section], harmony: list[Chord], header: Header, rng: np.random.Generator
) -> list[Event]:
    """Write up to one accent in 16 beats; long sections stay free, so that music also continues without events."""
    apart = max(_LEAST_APART, float(np.ceil(2 * _APART_S * header.bpm / 60) / 2))
    free = [section for section in sections[:-1] if 2 * apart <= section.beats < _CALM]
    if not free:
        return []
    events: list[Event] = []
    for _ in range(int(rng.integers(0, score.beats // _BEATS_EACH + 1))):
        section = free[int(rng.integers(len(free)))]
        last = section.beats - apart
        beat = section.first_beat + float(rng.integers(round(2 * apart), round(2 * last) + 1)) / 2
        if rng.random() > _HALF_ODDS:
            beat = float(np.floor(beat))
        near = [event.beat for event in events] + [section.first_beat]
        if min(abs(beat - other) for other in near) < apart:
            continue
        step, strength = round(STEPS_PER_BEAT * beat), float(rng.uniform(0.6, 1.0))
        room = HitContext(STEPS_PER_BEAT, "drums" in section.parts, "drums" in header.parts, header.bpm, bare=False)
        kind = prepare(score, step, room, rng)
        hit(score, step, harmony[int(beat)], strength, header.parts)
        if rng.random() < _STOP_ODDS:
            _stop(score, step)
        events.append(Event(beat, strength, f"accent after {kind}"))
    return events


def _stop(score: Score, step: int) -> None:
    """Silence the groove for a beat while the chord of the hit rings."""
    first, last = step + 1, min(score.steps, step + STEPS_PER_BEAT)
    score.drums[first:last] = 0
    for part in MONO_PARTS:
        if part != "bass":
            mute(score, part, first, last)
    for held in range(first, last):
        score.chord_struck[held] = False
        ring(score, held)
