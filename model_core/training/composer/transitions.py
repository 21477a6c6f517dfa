"""What leads to a hit: a gap, a thinning, a fill or a riser in the last steps before it.

Gaps are mostly about a fifth of a second long. The ear, and the music curve, then take silence and hit for one event;
where a longer gap begins is an event of its own, so those are rare.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from model_core.models.score.codec.score import LANE, Score
from model_core.training.composer.writing import mute, silence

_WITH_DRUMS: Final = {"gap": 0.54, "gap and riser": 0.14, "fill and gap": 0.12, "thin": 0.06, "plain": 0.14}
_WITHOUT: Final = {"gap": 0.7, "thin": 0.12, "plain": 0.18}
_LONG_GAPS: Final = (2, 3, 4)
_LONG_ODDS: Final = 0.12
_TWO_STEP_BPM: Final = 100.0
_THIN: Final = 4
_FILL: Final = ("tom_high", "tom_high", "tom_low", "tom_low")
_FILL_LEVEL: Final = 0.3


@dataclass(frozen=True)
class Room:
    """How a hit may be prepared: free steps before it, whether drums play there or in the piece at all, the tempo.

    ``bare`` allows a hit without a gap: enough where a section changes too, lost in the groove elsewhere.
    """

    steps: int
    drums_before: bool
    drums: bool
    bpm: float
    bare: bool = True


def prepare(score: Score, step: int, room: Room, rng: np.random.Generator) -> str:
    """Write one of the preparations before a step and return its name."""
    odds = _WITH_DRUMS if room.drums else _WITHOUT
    kind = str(rng.choice(list(odds), p=list(odds.values())))
    if not room.bare and kind in ("thin", "plain"):
        kind = "gap"
    if room.steps < 1:
        return "plain"
    gap = min(room.steps, breath(room.bpm, rng))
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


def breath(bpm: float, rng: np.random.Generator) -> int:
    """Steps of a gap: one or two by the tempo, now and then more."""
    if rng.random() < _LONG_ODDS:
        return int(rng.choice(_LONG_GAPS))
    return 1 if bpm < _TWO_STEP_BPM else 2


def _fill(score: Score, first: int) -> None:
    """Four strokes on the toms in place of the groove, a little louder each."""
    score.drums[first : first + len(_FILL), : LANE["crash"]] = 0
    for index, lane in enumerate(_FILL):
        score.drums[first + index, LANE[lane]] = _FILL_LEVEL + 0.05 * index
