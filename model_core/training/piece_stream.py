"""A stream of pieces to train on, composed while the training goes on: each is used for some steps, then dropped.

The pieces of a step follow from its number alone, so that a training that was killed goes on with the same ones. All is
in memory: nothing is written to disk.
"""

from typing import Final

import numpy as np

from model_core.encoders.minilm import MiniLM
from model_core.models.score.codec.vae import BeatVAE
from model_core.training.corpus import example_from, length_of, piece_of
from model_core.training.dataset import FlowData, flow_data
from model_core.training.render_curves import composed_step_curve
from model_core.training.write_corpus import shard_of

NEW_PER_STEP: Final = 4
"""Pieces that each step's pool has more than the last one's, on average: their making takes a tenth of a step."""
_CHUNKS: Final = 8  # that the pool consists of; the oldest is replaced by a new one


class PieceStream:
    """Pools of ``pieces`` composed pieces of many lengths, with curves drawn from the composer's events."""

    def __init__(self, seeds: range, pieces: int, vae: BeatVAE, encoder: MiniLM) -> None:
        """
        Args:
            seeds: of the pieces, used in this order.
            pieces: in the pool at a time, a multiple of 32; a thousand take 80 MB.
            vae: encodes their beats.
            encoder: embeds their captions.
        """
        self._seeds = seeds
        self._chunk = pieces // _CHUNKS
        self._steps_per_chunk = self._chunk // NEW_PER_STEP
        self._vae, self._encoder = vae, encoder
        self._chunks: dict[int, FlowData] = {}
        self._pool: FlowData | None = None

    @property
    def last_step(self) -> int:
        """The last step that the seeds are enough for."""
        return (len(self._seeds) // self._chunk - _CHUNKS + 1) * self._steps_per_chunk - 1

    def at(self, step: int) -> FlowData:
        """The pool of a step."""
        first = step // self._steps_per_chunk
        wanted = range(first, first + _CHUNKS)
        if self._pool is None or list(self._chunks) != list(wanted):
            self._chunks = {index: self._chunks.get(index) or self._compose(index) for index in wanted}
            self._pool = FlowData.joined(list(self._chunks.values()))
        return self._pool

    def _compose(self, index: int) -> FlowData:
        seeds = self._seeds[self._chunk * index : self._chunk * (index + 1)]
        pieces = [piece_of(seed, length_of(seed, mixed=True)) for seed in seeds]
        curves = np.stack([composed_step_curve(piece) for piece in pieces])
        examples = [example_from(piece, seed) for piece, seed in zip(pieces, seeds, strict=True)]
        return flow_data([shard_of(examples, curves, self._encoder)], self._vae)
