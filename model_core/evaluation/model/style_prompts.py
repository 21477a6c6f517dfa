"""Prompts that name a style, as captions of the corpus would, in training's wordings or in those held out from it."""

from typing import Final

import numpy as np

from model_core.training.captions import caption
from model_core.training.captions.phrases import HELD_OUT_STYLES, STYLE_NAMES
from model_core.training.composer import Piece, compose

FIRST_SEED: Final = 70_000_000
_BEATS: Final = 48
_LEAST_PARTS: Final = 3


def is_full(piece: Piece) -> bool:
    """Whether some parts play together; a piano may be alone."""
    return len(piece.header.parts) >= _LEAST_PARTS or piece.header.style == "piano"


def is_typical(piece: Piece) -> bool:
    """Whether a style can be told from the notes: what a single part plays, or a waltz, is much alike in several."""
    return piece.header.meter == "4/4" and is_full(piece)


def naming_prompt(style: str, number: int, held_out: bool) -> str:
    """A caption of some typical piece of a style with one of its phrases in it; the same for the same arguments."""
    table = (HELD_OUT_STYLES if held_out else STYLE_NAMES)[style]
    named = tuple(phrase.lower() for some in table.values() for phrase in some)
    rng = np.random.default_rng([number, int(held_out), *style.encode()])
    while True:
        piece = compose(FIRST_SEED + int(rng.integers(1_000_000)), style, _BEATS)
        if is_typical(piece):
            text = caption(piece, rng, held_out)
            if any(phrase in text.lower() for phrase in named):
                return text
