"""Drums: the groove of the section's energy, its variation in every fourth bar, and the roll of a build."""

from typing import Final

import numpy as np

from model_core.models.score.codec.score import LANE, STEPS_PER_BEAT, Score
from model_core.training.composer.form import Section
from model_core.training.composer.ideas import Ideas
from model_core.training.composer.writing import level_of

_FULL: Final = 7  # the digit of a pattern that is played at the section's level
_MEDIUM_ENERGY: Final = 0.4
_HIGH_ENERGY: Final = 0.7
_TURN_BAR: Final = 3  # of four
_GHOST: Final = 0.4  # of the level
# Where a fourth bar differs: ghost notes on the lanes that the groove has, nothing louder than the groove itself.
_TURNS: Final = (((11, "snare"), (14, "snare"), (15, "closed_hat")), ((7, "kick"), (13, "snare"), (15, "tom_low")))


def write_drums(score: Score, section: Section, ideas: Ideas) -> None:
    """The groove of a section."""
    level = level_of(section)
    groove = ideas.grooves[0 if section.energy < _MEDIUM_ENERGY else 1 if section.energy < _HIGH_ENERGY else 2]
    first, steps = STEPS_PER_BEAT * section.first_beat, STEPS_PER_BEAT * section.beats
    bar = np.zeros((ideas.bar, score.drums.shape[1]), np.float32)
    for lane, pattern in groove.items():
        bar[:, LANE[lane]] = [0.0 if digit == "." else int(digit) / _FULL * level for digit in pattern]
    turn = bar.copy()
    for step, lane in _TURNS[ideas.of(section).groove]:
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
