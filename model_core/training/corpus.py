"""The training corpus: composed pieces as beat vectors, headers and captions. Made by seed, so it is never shipped."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.models.score.codec.vae import to_beats
from model_core.plan.plan import STYLES, Header
from model_core.training.captions import caption
from model_core.training.composer import Piece, compose

BEATS: Final = 160
SHORT_BEATS: Final = (16, 32, 48, 64, 96)
_SHORT_ODDS: Final = 0.6
CAPTIONS: Final = 2
_CHUNK: Final = 16


@dataclass(frozen=True)
class Example:
    """One piece as the models see it.

    Attributes:
        seed: what it was composed from.
        beats: beat vectors, shape (N, BEAT_DIM), N as length_of says.
        beat_in_bar: shape (N,).
        header: its header.
        captions: CAPTIONS texts that are true of it.
    """

    seed: int
    beats: NDArray[np.float16]
    beat_in_bar: NDArray[np.int8]
    header: Header
    captions: list[str]


def length_of(seed: int, mixed: bool) -> int:
    """Beats of the piece of a seed: BEATS, or in a mixed corpus often one of SHORT_BEATS.

    Most videos are short: the model has to know pieces whose start and end lie in one window.
    """
    rng = np.random.default_rng([seed, 2])
    return int(rng.choice(SHORT_BEATS)) if mixed and rng.random() < _SHORT_ODDS else BEATS


def piece_of(seed: int, beats: int = BEATS) -> Piece:
    """The corpus's piece of a seed; styles take turns."""
    return compose(seed, STYLES[seed % len(STYLES)], beats)


def example_of(seed: int, mixed: bool = False) -> Example:
    """The example of a seed."""
    return example_from(piece_of(seed, length_of(seed, mixed)), seed)


def example_from(piece: Piece, seed: int) -> Example:
    """The example of a piece that was composed from a seed, with its captions drawn from the same seed."""
    rng = np.random.default_rng([seed, 1])
    captions = [caption(piece, rng) for _ in range(CAPTIONS)]
    beats = to_beats(piece.score).astype(np.float16)
    return Example(seed, beats, piece.score.beat_in_bar, piece.header, captions)


def examples(seeds: range, mixed: bool = False, processes: int = 2) -> Iterator[Example]:
    """The examples of many seeds in order, composed in parallel processes."""
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(example_of, seeds, [mixed] * len(seeds), chunksize=_CHUNK)
