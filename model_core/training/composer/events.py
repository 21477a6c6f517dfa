"""What happens: hits where sections meet and anywhere else, the gaps and fills before them, and the ending.

A hit is the loudest thing for beats around: all that plays is struck anew at nearly full velocity, with a crash and
an impact, often out of silence. Everything else in a piece stays far below it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from model_core.codecs.score.score import FIRST_PITCH, LANE, MONO_PARTS, RANGES, REST, STEPS_PER_BEAT, SUSTAIN, Score
from model_core.training.composer.form import Section
from model_core.training.composer.harmony import Chord, voicing

_RISER: Final = LANE["riser"]
_WITHOUT_DRUMS: Final = ("piano", "ambient", "acoustic")


@dataclass(frozen=True)
class Event:
    """Something that a listener notices, at a beat (may be fractional), 0..1 strong, of a kind."""

    beat: float
    strength: float
    kind: str


def silence(score: Score, first: int, last: int) -> None:
    """Empty the steps first .. last - 1 of everything but the riser."""
    score.drums[first:last, :_RISER] = 0
    for part in MONO_PARTS:
        score.mono[part][first:last] = REST
        score.mono_velocity[part][first:last] = 0
    score.chord[first:last] = False
    score.chord_struck[first:last] = False
    score.chord_velocity[first:last] = 0


def hit(score: Score, step: int, chord: Chord, strength: float, parts: frozenset[str], percussive: bool) -> None:
    """Strike everything at a step: a wide chord, a low root, and percussion where the style has any."""
    velocity = 0.72 + 0.28 * strength
    low, count = RANGES["chords"].low, RANGES["chords"].count
    pitches = {p for centre in ((52, 64, 76) if strength > 0.6 else (57, 66)) for p in voicing(chord, centre)}
    rows = [p - low for p in pitches if 0 <= p - low < count]
    until = step + 1
    while until < min(step + 4, score.steps) and not score.chord_struck[until]:
        until += 1
    score.chord[step:until] = False
    score.chord[step:until, rows] = True
    score.chord_struck[step] = True
    score.chord_velocity[step:until] = velocity
    if "bass" in parts:
        root = RANGES["bass"].low + (chord.root - RANGES["bass"].low) % 12
        _strike(score, "bass", step, root, velocity)
    for part in ("lead", "arp"):
        if score.mono[part][step] >= FIRST_PITCH:
            score.mono_velocity[part][step] = velocity
    if percussive:
        score.drums[step, LANE["crash"]] = 0.55 + 0.45 * strength
        score.drums[step, LANE["kick"]] = velocity
        if strength > 0.6:
            score.drums[step, LANE["impact"]] = velocity


def _strike(score: Score, part: str, step: int, pitch: int, velocity: float) -> None:
    state = score.mono[part]
    state[step] = FIRST_PITCH + pitch - RANGES[part].low
    score.mono_velocity[part][step] = velocity
    for held in range(step + 1, min(step + 4, score.steps)):
        if state[held] != REST:
            if state[held] == SUSTAIN:
                score.mono_velocity[part][held] = velocity
            break
        state[held] = SUSTAIN
        score.mono_velocity[part][held] = velocity


def prepare(score: Score, step: int, room: int, style: str, drums: bool, rng: np.random.Generator) -> str:
    """What leads to a hit: a gap, a fill, a riser or nothing. ``room`` is how many steps it may take."""
    kind = str(rng.choice(["gap", "fill", "riser", "gap and riser", "plain"], p=[0.36, 0.16, 0.1, 0.16, 0.22]))
    if kind == "fill" and (not drums or room < 4):
        kind = "gap"
    if "riser" in kind and style not in ("piano", "acoustic", "lofi"):
        length = min(room, int(rng.choice([8, 16])))
        score.drums[step - length : step, _RISER] = np.linspace(0.15, 1.0, length)
    if "gap" in kind:
        silence(score, step - min(room, int(rng.choice([1, 2, 2, 3, 4]))), step)
    if kind == "fill":
        lanes = ("tom_high", "tom_high", "tom_low", "tom_low")
        score.drums[step - 4 : step, : LANE["crash"]] = 0
        for index, lane in enumerate(lanes):
            score.drums[step - 4 + index, LANE[lane]] = 0.34 + 0.06 * index
    return kind


def end(score: Score, section: Section, chord: Chord, percussive: bool, parts: frozenset[str]) -> None:
    """The ending: one last hit on the tonic, held, then rest."""
    first = STEPS_PER_BEAT * section.first_beat
    silence(score, first, score.steps)
    score.drums[first:, _RISER] = 0
    hit(score, first, chord, 0.8, parts, percussive)
    held = min(score.steps, first + 12)
    for step in range(first + 1, held):
        score.chord[step] = score.chord[first]
        score.chord_velocity[step] = score.chord_velocity[first]
        if "bass" in parts:
            score.mono["bass"][step] = SUSTAIN
            score.mono_velocity["bass"][step] = score.mono_velocity["bass"][first]


def percussive(style: str, parts: frozenset[str]) -> bool:
    """Whether hits carry crash and impact."""
    return "drums" in parts or style not in _WITHOUT_DRUMS
