"""How much takes of one prompt differ: shares of the onsets that only one of two takes has."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from model_core.models.score.codec.score import FIRST_PITCH, LANES, MONO_PARTS, RANGES, Score


def onset_cells(score: Score) -> NDArray[np.bool_]:
    """Where something begins, step by key of each part and by drum lane, shape (T, all keys and lanes)."""
    parts = []
    for part in MONO_PARTS:
        states = np.arange(FIRST_PITCH, FIRST_PITCH + RANGES[part].count)
        parts.append(score.mono[part][:, None] == states)
    hits = np.delete(score.drums > 0, LANES.index("riser"), axis=1)
    return np.concatenate([*parts, score.chord & score.chord_struck[:, None], hits], axis=1)


def difference(one: Score, other: Score) -> float:
    """Share of the onsets of either that the other has not, over the steps that both have; 0 where both are silent."""
    steps = min(one.steps, other.steps)
    a, b = onset_cells(one)[:steps], onset_cells(other)[:steps]
    either = int((a | b).sum())
    return int((a ^ b).sum()) / either if either else 0.0


def mean_difference(takes: Sequence[Score]) -> float:
    """Mean over all pairs of takes of one prompt.

    Raises:
        ValueError: there are fewer than two.
    """
    if len(takes) < 2:
        raise ValueError("one take differs from nothing")
    return float(np.mean([difference(one, other) for one, other in combinations(takes, 2)]))
