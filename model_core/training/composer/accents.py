"""Accents: hits anywhere in a piece, on whole or half beats, away from where the sections meet."""

from typing import Final

import numpy as np

from model_core.models.score.codec.score import MONO_PARTS, STEPS_PER_BEAT, Score
from model_core.plan.header import Header
from model_core.training.composer.events import Event, hit
from model_core.training.composer.form import Section
from model_core.training.composer.harmony import Chord
from model_core.training.composer.transitions import Room, prepare
from model_core.training.composer.writing import mute, ring

_BEATS_EACH: Final = 16  # one accent in so many beats at the most
_APART_S: Final = 1.2  # between an accent and any other event
_LEAST_APART: Final = 1.5  # beats
_HALF_ODDS: Final = 0.3
_STOP_ODDS: Final = 0.15
_CALM: Final = 16  # beats of a section that is left alone


def add_accents(
    score: Score, sections: list[Section], harmony: list[Chord], header: Header, rng: np.random.Generator
) -> list[Event]:
    """Write up to one in 16 beats; long sections stay free, so that music also goes on with nothing happening."""
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
        room = Room(STEPS_PER_BEAT, "drums" in section.parts, "drums" in header.parts, header.bpm, bare=False)
        kind = prepare(score, step, room, rng)
        hit(score, step, harmony[int(beat)], strength, header.parts)
        if rng.random() < _STOP_ODDS:
            _stop(score, step)
        events.append(Event(beat, strength, f"accent after {kind}"))
    return events


def _stop(score: Score, step: int) -> None:
    """The groove waits for a beat while the chord of the hit rings."""
    first, last = step + 1, min(score.steps, step + STEPS_PER_BEAT)
    score.drums[first:last] = 0
    for part in MONO_PARTS:
        if part != "bass":
            mute(score, part, first, last)
    for held in range(first, last):
        score.chord_struck[held] = False
        ring(score, held)
