"""Scores and takes written by hand, of which every figure is known."""

import numpy as np

from model_core.evaluation.model.takes import Take, plant_curve
from model_core.models.score.codec.score import FIRST_PITCH, LANE, RANGES, STEPS_PER_BEAT, SUSTAIN, Score
from model_core.plan.plan import Header, ScorePlan
from model_core.plan.tempo_map import TempoMap

PROGRAMS = {"bass": 33, "chords": 0, "lead": 40, "arp": 46, "drums": 0}


def put(score: Score, part: str, step: int, pitch: int, steps: int = 1) -> None:
    """One note of a mono part."""
    score.mono[part][step] = pitch - RANGES[part].low + FIRST_PITCH
    score.mono[part][step + 1 : step + steps] = SUSTAIN
    score.mono_velocity[part][step : step + steps] = 0.6


def strike(score: Score, beat: int, pitches: tuple[int, ...], beats: int = 1) -> None:
    """One chord."""
    first, last = STEPS_PER_BEAT * beat, STEPS_PER_BEAT * (beat + beats)
    score.chord[first:last] = False
    for pitch in pitches:
        score.chord[first:last, pitch - RANGES["chords"].low] = True
    score.chord_struck[first:last] = False
    score.chord_struck[first] = True
    score.chord_velocity[first:last] = 0.6


def drum(score: Score, step: int, lane: str = "kick") -> None:
    """One hit."""
    score.drums[step, LANE[lane]] = 0.7


def take_of(
    score: Score, style: str = "house", bpm: float = 120.0, meter: str = "4/4", programs: dict[str, int] | None = None
) -> Take:
    """A take of a score at a steady tempo in C, all parts allowed."""
    header = Header(
        style=style, bpm=bpm, swing=0.0, minor=False, programs=PROGRAMS | (programs or {}),
        parts=frozenset(PROGRAMS), energy=0.5, density=0.5, meter=meter,
    )  # fmt: skip
    times = np.arange(score.beats + 1) * 60 / bpm
    tempo = TempoMap(times, score.beat_in_bar, score.beats, np.zeros(0))
    return Take("a prompt", 0, plant_curve(0), ScorePlan(float(times[-1]), 0, header, 0, tempo), score)
