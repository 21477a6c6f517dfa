"""The corpus as reference: pieces that no training saw, and the library of those that training saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from model_core.evaluation.model.chords import chords_of
from model_core.evaluation.model.copies import Library, band_prints, lead_prints
from model_core.evaluation.model.figures import Row, share
from model_core.evaluation.model.modes import ModeEar
from model_core.evaluation.model.style_prompts import is_full, is_typical
from model_core.evaluation.model.styles import FIRST_CHECKED, StyleNet
from model_core.models.score.codec.score import Score
from model_core.plan.header import STYLES
from model_core.training.composer import Piece, compose
from model_core.training.corpus import length_of, piece_of
from model_core.training.write_corpus import FIRST_RENDERED

BEATS: Final = 80
"""About as long as a take."""
_EAR_SHARE: Final = 2 / 3
"""Of the pieces that the ear for modes learns from; it is checked on the rest."""


@dataclass(frozen=True)
class Reference:
    """Held-out pieces, and what was learnt from them.

    Attributes:
        pieces: as many of each style.
        ear: tells the mode.
        ear_right, chords_right: shares of the pieces, and of their beats, that are told right.
    """

    pieces: Sequence[Piece]
    ear: ModeEar
    ear_right: float
    chords_right: float

    @property
    def scores(self) -> list[Score]:
        """The pieces' scores."""
        return [piece.score for piece in self.pieces]


def reference(count: int) -> Reference:
    """Compose ``count`` held-out pieces and fit the ear for modes to two thirds of the full ones."""
    pieces = [compose(FIRST_CHECKED + number, STYLES[number % len(STYLES)], BEATS) for number in range(count)]
    full = [piece for piece in pieces if is_full(piece)]
    learnt, checked = full[: round(_EAR_SHARE * len(full))], full[round(_EAR_SHARE * len(full)) :]
    ear = ModeEar([piece.score for piece in learnt], [piece.header.minor for piece in learnt])
    right = [ear.minor(piece.score) == piece.header.minor for piece in checked]
    chords = [
        heard.name == real.name
        for piece in pieces
        for heard, real in zip(chords_of(piece.score), piece.harmony, strict=True)
        if heard is not None
    ]
    return Reference(pieces, ear, float(np.mean(right)), float(np.mean(chords)))


def style_net_rows(net: StyleNet, pieces: Sequence[Piece]) -> list[Row]:
    """How well the style network does its job."""
    right = [(net.heard(piece.score) == piece.header.style, is_typical(piece)) for piece in pieces]
    return [
        Row(
            "style network on held-out typical pieces", ">=", 0.97, share([good for good, typical in right if typical])
        ),
        Row("style network on all held-out pieces", "", None, share([good for good, _ in right])),
    ]


def libraries(count: int) -> tuple[Library, Library]:
    """Of leads and of bands, in the first pieces of the part of the corpus that the curve stage sees."""
    seeds = range(FIRST_RENDERED, FIRST_RENDERED + count)
    scores = [piece_of(seed, length_of(seed, mixed=True)).score for seed in seeds]
    return Library(map(lead_prints, scores)), Library(map(band_prints, scores))
