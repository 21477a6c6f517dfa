"""How long a stretch of the corpus a take repeats note for note: bar by bar, for the lead alone and for the band."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from model_core.evaluation.model.notes import bars_of
from model_core.models.score.codec.score import FIRST_PITCH, LANES, STEPS_PER_BEAT, Score

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
