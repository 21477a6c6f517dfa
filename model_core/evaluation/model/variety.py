"""Variety of the takes: bars copied from the corpus, and differences between takes of one prompt."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.evaluation.model.notes import bars_of
from model_core.models.score.codec.score import FIRST_PITCH, LANES, MONO_PARTS, RANGES, STEPS_PER_BEAT, Score

_RISER: Final = LANES.index("riser")
Print = bytes
"""What a bar is known by; empty for a bar that is silent and so copies nothing."""


def lead_prints(score: Score) -> list[Print]:
    """A fingerprint of each bar's melody: pitches and lengths."""
    lead = score.mono["lead"].astype(np.int16)
    return [lead[steps].tobytes() if (lead[steps] >= FIRST_PITCH).any() else b"" for steps in _steps(score)]


def band_prints(score: Score) -> list[Print]:
    """The same of lead, bass, chords and drums together; how loud they are does not count."""
    mono = np.stack([score.mono["lead"], score.mono["bass"]], axis=1).astype(np.int16)
    chords = np.concatenate([score.chord, score.chord_struck[:, None]], axis=1)
    hits = np.delete(score.drums > 0, _RISER, axis=1)
    found = []
    for steps in _steps(score):
        sounds = mono[steps].any() or chords[steps].any() or hits[steps].any()
        parts = (mono[steps].tobytes(), np.packbits(chords[steps]).tobytes(), np.packbits(hits[steps]).tobytes())
        found.append(b"|".join(parts) if sounds else b"")
    return found


def _steps(score: Score) -> list[slice]:
    return [slice(STEPS_PER_BEAT * first, STEPS_PER_BEAT * (first + beats)) for first, beats in bars_of(score)]


class Library:
    """The bars of many pieces, to be searched for runs."""

    def __init__(self, pieces: Iterable[Sequence[Print]]) -> None:
        self._places: dict[Print, list[tuple[int, int]]] = {}
        for number, prints in enumerate(pieces):
            for bar, one in enumerate(prints):
                if one:
                    self._places.setdefault(one, []).append((number, bar))

    def longest_run(self, prints: Sequence[Print]) -> int:
        """Most bars in a row that stand in a row in one piece of the library."""
        longest, running = 0, dict[tuple[int, int], int]()
        for one in prints:
            running = {
                (number, bar): running.get((number, bar - 1), 0) + 1 for number, bar in self._places.get(one, [])
            }
            longest = max([longest, *running.values()])
        return longest


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
