"""Compose the corpus into WORK/corpus: whole pieces without curves, and pieces of many lengths with rendered ones."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.encoders.minilm import MAX_TOKENS, TEXT_DIM, MiniLM
from model_core.training.corpus import CAPTIONS, Example, examples
from model_core.training.render_curves import render_curves
from model_core.training.shards import Shard, header_json, seeds_in

SHARD: Final = 128
"""Pieces a shard: what a killed corpus stage composes again at most."""
FIRST_RENDERED: Final = 200_000
"""First piece of the rendered part: no piece is in both."""
SEEDS_APART: Final = 1_000_000
"""Pieces between the first ones of two seeds' corpora."""
PIECES: Final = "pieces"
RENDERED: Final = "rendered"
_EMBED_BATCH: Final = 128


@dataclass(frozen=True)
class Part:
    """One part of a corpus.

    Attributes:
        name: of its folder.
        seeds: what its pieces are composed from.
        rendered: whether pieces have many lengths, and their music curves are rendered.
    """

    name: str
    seeds: range
    rendered: bool


def parts_of(seed: int, pieces: int, rendered: int) -> list[Part]:
    """The two parts of a seed's corpus."""
    first = seed * SEEDS_APART
    from_rendered = first + FIRST_RENDERED
    return [
        Part(PIECES, range(first, first + pieces), rendered=False),
        Part(RENDERED, range(from_rendered, from_rendered + rendered), rendered=True),
    ]


def write_part(folder: Path, part: Part, encoder: MiniLM, say: Callable[[str], None], processes: int = 2) -> None:
    """Compose the shards of a part that ``folder`` lacks; what else is there is removed."""
    folder = folder / part.name
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [part.seeds[at : at + SHARD] for at in range(0, len(part.seeds), SHARD)]
    paths = [folder / f"{index:05d}.npz" for index in range(len(wanted))]
    for path in set(folder.iterdir()) - set(paths):
        path.unlink()
    for path, seeds in zip(paths, wanted, strict=True):
        if seeds_in(path) != list(seeds):
            compose_shard(seeds, part.rendered, encoder, processes).save(path)
            say(f"{part.name}: {seeds.stop - part.seeds.start} of {len(part.seeds)}")


def compose_shard(seeds: range, rendered: bool, encoder: MiniLM, processes: int = 2) -> Shard:
    """The pieces of the given seeds, composed, captioned and, if wanted, rendered in parallel processes."""
    composed = list(examples(seeds, rendered, processes))
    if not rendered:
        return shard_of(composed, np.zeros((len(seeds), 0), np.float32), encoder)
    lengths = np.array([len(example.beats) for example in composed], np.int64)
    return shard_of(composed, render_curves(np.array(seeds, np.int64), lengths, processes), encoder)


def shard_of(composed: list[Example], curves: NDArray[np.float32], encoder: MiniLM) -> Shard:
    """Examples as a shard, with their captions embedded; ``curves`` has shape (P, 4 * BEATS) or (P, 0)."""
    tokens, mask, pooled = _embed([text for example in composed for text in example.captions], encoder)
    return Shard(
        seeds=np.array([example.seed for example in composed], np.int64),
        lengths=np.array([len(example.beats) for example in composed], np.int64),
        beats=np.concatenate([example.beats for example in composed]),
        beat_in_bar=np.concatenate([example.beat_in_bar for example in composed]).astype(np.int8),
        headers=np.array([header_json(example.header) for example in composed]),
        captions=np.array([example.captions for example in composed]),
        tokens=tokens.reshape(-1, CAPTIONS, MAX_TOKENS, TEXT_DIM),
        token_mask=mask.reshape(-1, CAPTIONS, MAX_TOKENS),
        pooled=pooled.reshape(-1, CAPTIONS, TEXT_DIM),
        curves=curves,
    )


def _embed(captions: list[str], encoder: MiniLM) -> tuple[NDArray[np.float16], NDArray[np.bool_], NDArray[np.float32]]:
    tokens = np.zeros((len(captions), MAX_TOKENS, TEXT_DIM), np.float16)
    mask = np.zeros((len(captions), MAX_TOKENS), bool)
    pooled = np.zeros((len(captions), TEXT_DIM), np.float32)
    for at in range(0, len(captions), _EMBED_BATCH):
        text = encoder.embed(captions[at : at + _EMBED_BATCH])
        rows, kept = slice(at, at + len(text.pooled)), min(MAX_TOKENS, text.tokens.shape[1])
        tokens[rows, :kept] = text.tokens[:, :kept].numpy()
        mask[rows, :kept] = text.mask[:, :kept].numpy()
        pooled[rows] = text.pooled.numpy()
    return tokens, mask, pooled
