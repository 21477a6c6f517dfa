"""The corpus on disk: shards of composed pieces with embedded captions and, where wanted, rendered music curves.

A shard is written whole or not at all, and holds nothing that a trained model made, so that it serves any codec.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_core.errors import InputError
from model_core.plan.plan import Header


@dataclass(frozen=True)
class Shard:
    """P pieces of L beats in all, one behind the other.

    Attributes:
        seeds: shape (P,).
        lengths: beats of each piece, shape (P,).
        beats: beat vectors, shape (L, BEAT_DIM).
        beat_in_bar: shape (L,).
        headers: as JSON, shape (P,), see header_of.
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
        """Write it, packed: a shard is nearly all zeros."""
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
    """The shards of a part of the corpus, in order; InputError when one is damaged."""
    for path in sorted((folder / part).glob("*.npz")):
        yield load_shard(path)


def seeds_in(path: Path) -> list[int]:
    """What the pieces of a shard were composed from; none where there is no whole shard."""
    try:
        with np.load(path) as arrays:
            return [int(seed) for seed in arrays["seeds"]]
    except Exception:  # damaged in any way: it is made again
        return []


def described(folder: Path, part: str) -> str:
    """Which pieces a part holds, in a few characters: how many, and the first one's seed.

    Raises:
        InputError: there are none.
    """
    held = [seed for path in sorted((folder / part).glob("*.npz")) for seed in seeds_in(path)]
    if not held:
        raise InputError("--work", f"there are no pieces in {folder / part}; run `v2m train corpus` first", "no_corpus")
    return f"{len(held)} from {held[0]}"


def header_json(header: Header) -> str:
    """A header as it is kept in a shard."""
    return json.dumps(asdict(header) | {"parts": sorted(header.parts)})


def header_of(text: str) -> Header:
    """The inverse of header_json."""
    given: dict[str, Any] = json.loads(text)
    return Header(**given | {"parts": frozenset(given["parts"])})
