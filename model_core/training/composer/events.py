"""What happens: hits where sections meet and anywhere else, and the ending.

A hit is the loudest thing for beats around: everything is struck anew at nearly full velocity in a wide register, with
a crash and an impact where there are drums. Everything else in a piece stays far below it.
"""

from dataclasses import dataclass
from typing import Final

from model_core.models.score.codec.score import FIRST_PITCH, LANE, STEPS_PER_BEAT, SUSTAIN, Score
from model_core.training.composer.bass import root_pitch
from model_core.training.composer.form import Section
from model_core.training.composer.harmony import Chord
from model_core.training.composer.melody import landing
from model_core.training.composer.voicing import spread
from model_core.training.composer.writing import hold, mute, note, ring, silence, strike

BIG: Final = 0.7
"""Strength from which a hit uses every register and the impact."""
_SHORT: Final = 4  # steps that a hit rings where nothing follows
_BRIGHT: Final = {root: max(p for p in range(72, 88) if p % 12 == root) for root in range(12)}
_REST: Final = 2  # steps after the last chord
_ENDING_STRENGTH: Final = 0.85


@dataclass(frozen=True)
class Event:
    """Something that a listener notices, at a beat (may be fractional), 0..1 strong, of a kind."""

    beat: float
    strength: float
    kind: str


def hit(score: Score, step: int, chord: Chord, strength: float, parts: frozenset[str]) -> None:
    """Strike everything that the piece has at a step: a wide chord, a low root, and percussion."""
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
    """The chord of a hit rings until the next one is struck, at least two steps, and four where silence follows."""
    for held in range(step + 1, score.steps):
        if (score.chord_struck[held] and held >= step + 2) or (held >= step + _SHORT and not score.chord[held].any()):
            return
        score.chord_struck[held] = False
        ring(score, held)


def _extend(score: Score, part: str, step: int, least: int = _SHORT) -> None:
    """The note at a step holds on to the next one, ``least`` steps where nothing follows, at one velocity."""
    held = step + 1
    while held < score.steps and (
        score.mono[part][held] == SUSTAIN or (held < step + least and score.mono[part][held] < FIRST_PITCH)
    ):
        score.mono[part][held] = SUSTAIN
        score.mono_velocity[part][held] = score.mono_velocity[part][step]
        held += 1


def end(score: Score, section: Section, chord: Chord, parts: frozenset[str]) -> Event:
    """The ending: one last hit on the tonic that rings, then rest."""
    first = STEPS_PER_BEAT * section.first_beat
    silence(score, first, score.steps)
    score.drums[first:, LANE["riser"]] = 0
    hit(score, first, chord, _ENDING_STRENGTH, parts)
    _ring_out(score, first, parts)
    return Event(section.first_beat, _ENDING_STRENGTH, "ending")


def close(score: Score, section: Section, chord: Chord, parts: frozenset[str], velocity: float) -> None:
    """The ending that is no event: the tonic at the level of what came before, which rings, then rest."""
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
