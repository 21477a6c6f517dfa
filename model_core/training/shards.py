"""The corpus on disk: shards of composed pieces with embedded captions and, if requested, rendered music curves.

A shard is written whole or not at all, and holds nothing that a trained model made, so that it serves any codec.
WORK/corpus has two parts: whole pieces without curves, and pieces of many lengths with rendered ones.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_core.encoders.minilm import MAX_TOKENS, TEXT_DIM, MiniLM
from model_core.errors import InputError
from model_core.plan.plan import Header
from model_core.training.corpus import CAPTIONS, Example, examples, render_curves

SHARD: Final = 128
"""Pieces of a shard, and the most that a killed corpus stage composes again."""
FIRST_RENDERED: Final = 200_000
"""First piece of the rendered part: no piece is in both."""
SEEDS_APART: Final = 1_000_000
"""Pieces between the first ones of two seeds' corpora."""
PIECES: Final = "pieces"
RENDERED: Final = "rendered"
_EMBED_BATCH: Final = 128


@dataclass(frozen=True)
class Shard:
    """P pieces of L beats in all, one behind the other.

    Attributes:
        seeds: shape (P,).
        lengths: beats of each piece, shape (P,).
        beats: beat vectors, shape (L, BEAT_DIM).
        beat_in_bar: shape (L,).
        headers: as JSON, shape (P,), see parse_header.
        captions: shape (P, K).
        tokens, token_mask, pooled: their embeddings, shapes (P, K, L, D), (P, K, L), (P, K, D).
        curves: step values of the peak-shaped music curve, shape (P, 4 * BEATS); empty (P, 0) where none were rendered.
    """

    seeds: NDArray[np.int64]
    lengths: NDArray[np.int64]
    beats: NDArray[np.float16]
    beat_in_bar: NDArray[np.int8]
    headers: NDArray[np.str_]
    captions: NDArray[np.str_]
    tokens: NDArray[np.float16]
    token_mask: NDArray[np.bool_]
    pooled: NDArray[np.float32]
    curves: NDArray[np.float32]

    @property
    def starts(self) -> NDArray[np.int64]:
        """First beat of each piece, and the end of the last, shape (P + 1,)."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    def save(self, path: Path) -> None:
        """Write the shard, compressed: it is nearly all zeros."""
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.savez_compressed(file, **{field.name: getattr(self, field.name) for field in fields(self)})
        partial.replace(path)


def load_shard(path: Path) -> Shard:
    """Read a shard; InputError when it is damaged."""
    try:
        with np.load(path) as arrays:
            return Shard(**{field.name: arrays[field.name] for field in fields(Shard)})
    except Exception as error:  # what a damaged archive raises has no common kind
        raise InputError("--work", f"{path} cannot be read: {error}; delete it and run corpus", "damaged") from error


def shards(folder: Path, part: str) -> Iterator[Shard]:
    """Read the shards of a part of the corpus, in order; InputError when one is damaged."""
    for path in sorted((folder / part).glob("*.npz")):
        yield load_shard(path)


def read_seeds(path: Path) -> list[int]:
    """Read the seeds of a shard's pieces; empty where there is no whole shard."""
    try:
        with np.load(path) as arrays:
            return [int(seed) for seed in arrays["seeds"]]
    except Exception:  # damaged in any way: it is made again
        return []


def describe_part(folder: Path, part: str) -> str:
    """Describe a part in a few characters: its number of pieces, and the seed of the first one.

    Raises:
        InputError: there are none.
    """
    held = [seed for path in sorted((folder / part).glob("*.npz")) for seed in read_seeds(path)]
    if not held:
        raise InputError("--work", f"there are no pieces in {folder / part}; run `v2m train corpus` first", "no_corpus")
    return f"{len(held)} from {held[0]}"


def format_header(header: Header) -> str:
    """Format a header as JSON for a shard."""
    return json.dumps(asdict(header) | {"parts": sorted(header.parts)})


def parse_header(text: str) -> Header:
    """Parse the output of format_header."""
    given: dict[str, Any] = json.loads(text)
    return Header(**given | {"parts": frozenset(given["parts"])})


@dataclass(frozen=True)
class Part:
    """One part of a corpus.

    Attributes:
        name: of its folder.
        seeds: of its pieces.
        rendered: True for pieces of many lengths with rendered music curves.
    """

    name: str
    seeds: range
    rendered: bool


def list_parts(seed: int, pieces: int, rendered: int) -> list[Part]:
    """List the two parts of a seed's corpus."""
    first = seed * SEEDS_APART
    from_rendered = first + FIRST_RENDERED
    return [
        Part(PIECES, range(first, first + pieces), rendered=False),
        Part(RENDERED, range(from_rendered, from_rendered + rendered), rendered=True),
    ]


def write_part(folder: Path, part: Part, encoder: MiniLM, say: Callable[[str], None], processes: int = 2) -> None:
    """Compose the shards of a part that ``folder`` lacks; other files there are removed."""
    folder = folder / part.name
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [part.seeds[at : at + SHARD] for at in range(0, len(part.seeds), SHARD)]
    paths = [folder / f"{index:05d}.npz" for index in range(len(wanted))]
    for path in set(folder.iterdir()) - set(paths):
        path.unlink()
    for path, seeds in zip(paths, wanted, strict=True):
        if read_seeds(path) != list(seeds):
            compose_shard(seeds, part.rendered, encoder, processes).save(path)
            say(f"{part.name}: {seeds.stop - part.seeds.start} of {len(part.seeds)}")


def compose_shard(seeds: range, rendered: bool, encoder: MiniLM, processes: int = 2) -> Shard:
    """Compose, caption and, if requested, render the pieces of the given seeds in parallel processes."""
    composed = list(examples(seeds, rendered, processes))
    if not rendered:
        return build_shard(composed, np.zeros((len(seeds), 0), np.float32), encoder)
    lengths = np.array([len(example.beats) for example in composed], np.int64)
    return build_shard(composed, render_curves(np.array(seeds, np.int64), lengths, processes), encoder)


def build_shard(composed: list[Example], curves: NDArray[np.float32], encoder: MiniLM) -> Shard:
    """Build a shard from examples, and embed their captions; ``curves`` has shape (P, 4 * BEATS) or (P, 0)."""
    tokens, mask, pooled = _embed([text for example in composed for text in example.captions], encoder)
    return Shard(
        seeds=np.array([example.seed for example in composed], np.int64),
        lengths=np.array([len(example.beats) for example in composed], np.int64),
        beats=np.concatenate([example.beats for example in composed]),
        beat_in_bar=np.concatenate([example.beat_in_bar for example in composed]).astype(np.int8),
        headers=np.array([format_header(example.header) for example in composed]),
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
