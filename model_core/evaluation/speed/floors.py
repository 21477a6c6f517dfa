"""The shortest time that a stage can take on a card: that of its operations or of its bytes, whichever is longer."""

from dataclasses import dataclass
from typing import Final

import torch

from model_core.evaluation.speed.cards import Card
from model_core.evaluation.speed.sizes import Size
from model_core.evaluation.speed.stages import MUSIC, work_of

_FLOAT32: Final = 4


@dataclass(frozen=True)
class Floor:
    """Operations and bytes of a stage, the seconds that they take at least, and which of the two these are of."""

    operations: float
    bytes: float
    seconds: float
    bound: str


def floor_of(size: Size, stage: str, seconds: float, batch: int, card: Card, dtype: torch.dtype) -> Floor:
    """The floor of a stage in a precision; MusicFM's values are float32 always.

    Its operations are set against the card's best in that precision, which float32 cannot reach.
    """
    work = work_of(size, stage, seconds, batch)
    moved = (_FLOAT32 if stage == MUSIC else dtype.itemsize) * work.values()
    computing, moving = work.operations / card.operations, moved / card.bandwidth
    return Floor(work.operations, moved, max(computing, moving), "operations" if computing >= moving else "bytes")
