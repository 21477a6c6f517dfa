"""Flow training data: latents, conditions and curves of whole pieces, and random windows of them as batches."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.flow.conditioning import Condition, add_given_flag, inpainting_channels
from model_core.models.score.codec.grid import (
    BEATS_PER_FRAME,
    beats_to_frames,
    build_global_vector,
    build_grid_condition,
    curve_to_frames,
    without_style_and_mode,
)
from model_core.models.score.codec.score import STEPS_PER_BEAT
from model_core.models.score.codec.vae import BeatVAE
from model_core.training.corpus import BEATS, CAPTIONS
from model_core.training.shards import Shard, parse_header

WINDOW_FRAMES: Final = (8, 16, 24, 32, 48)
_WHOLE: Final = 0.4
_WITH_HEADER: Final = 0.5
_WINDOW_ODDS: Final = (0.08, 0.17, 0.25, 0.35, 0.15)


@dataclass(frozen=True)
class FlowData:
    """P pieces of up to N = BEATS beats, padded with zeros.

    Attributes:
        seeds: shape (P,).
        lengths: beats of each piece, even, shape (P,).
        latents: shape (P, N, C), float16.
        beat_in_bar: shape (P, N).
        headers: shape (P, HEADER_DIM).
        tokens, token_mask, pooled: caption embeddings, shapes (P, K, L, D), (P, K, L), (P, K, D).
        curves: step values of the peak-shaped music curve, shape (P, 4 N); empty (P, 0) where none were rendered.
    """

    seeds: NDArray[np.int64]
    lengths: NDArray[np.int64]
    latents: NDArray[np.float16]
    beat_in_bar: NDArray[np.int8]
    headers: NDArray[np.float32]
    tokens: NDArray[np.float16]
    token_mask: NDArray[np.bool_]
    pooled: NDArray[np.float32]
    curves: NDArray[np.float32]

    def part(self, pieces: slice) -> "FlowData":
        """Some of the pieces."""
        return FlowData(**{field.name: getattr(self, field.name)[pieces] for field in fields(self)})

    @staticmethod
    def join(parts: "list[FlowData]") -> "FlowData":
        """The pieces of several parts, in their order."""
        return FlowData(
            **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(FlowData)}
        )


@torch.no_grad()
def encode_corpus(shards: Iterable[Shard], vae: BeatVAE) -> FlowData:
    """Encode the beats of a corpus's pieces."""
    columns: dict[str, list[NDArray[Any]]] = {field.name: [] for field in fields(FlowData)}
    for shard in shards:
        pieces = len(shard.seeds)
        latents = np.zeros((pieces, BEATS, vae.config["latent_channels"]), np.float16)
        phases = np.zeros((pieces, BEATS), np.int8)
        encoded = vae.encode(torch.from_numpy(shard.beats.astype(np.float32))).numpy()
        for row, (first, last) in enumerate(pairwise(shard.starts)):
            latents[row, : last - first] = encoded[first:last]
            phases[row, : last - first] = shard.beat_in_bar[first:last]
        headers = np.stack([parse_header(text).vector() for text in shard.headers])
        made = {"latents": latents, "beat_in_bar": phases, "headers": headers}
        for name, column in columns.items():
            column.append(made[name] if name in made else getattr(shard, name))
    return FlowData(**{name: np.concatenate(column) for name, column in columns.items()})


@dataclass(frozen=True)
class Dropout:
    """Probabilities of withholding a condition from an example, for classifier-free guidance.

    Attributes:
        text: the caption.
        curve: the event curve.
        header: style and mode of the header. Where they are withheld, caption and curve are so in at least half of the
            examples: guidance by the header starts from all three being unknown.
    """

    text: float = 0.12
    curve: float = 0.2
    header: float = 0.1


def batch(
    data: FlowData, tokens_per_batch: int, rng: np.random.Generator, dropout: Dropout, *, window: int | None = None
) -> tuple[torch.Tensor, Condition, torch.Tensor]:
    """Draw random windows of random pieces, all of one random length.

    Returns:
        Clean latents (B, C, F), their condition, and which frames are to be generated, shape (B, F), bool.
    """
    frames = window or int(rng.choice(WINDOW_FRAMES, p=_WINDOW_ODDS))
    frames = min(frames, int(data.lengths.max()) // BEATS_PER_FRAME)
    size = max(1, tokens_per_batch // frames)
    beats = frames * BEATS_PER_FRAME
    piece = _pieces(data.lengths, beats, size, rng)
    start = rng.integers(0, data.lengths[piece] - beats + 1)
    take = start[:, None] + np.arange(beats)
    latents = beats_to_frames(torch.from_numpy(data.latents[piece[:, None], take].astype(np.float32)))
    grid = torch.stack(
        [_grid(data.beat_in_bar[p, : data.lengths[p]], int(s), beats) for p, s in zip(piece, start, strict=True)]
    )
    known = draw_known(size, frames, rng)
    spoken = rng.integers(0, CAPTIONS, size)
    hidden = rng.random(size) < dropout.header
    heard = torch.from_numpy(rng.random(size) >= np.maximum(_WITH_HEADER * hidden, dropout.text))
    headers = torch.from_numpy(data.headers[piece])
    headers = torch.where(torch.from_numpy(hidden)[:, None], without_style_and_mode(headers), headers)
    curve_odds = np.maximum(_WITH_HEADER * hidden, dropout.curve)
    pooled = torch.from_numpy(data.pooled[piece, spoken])
    condition = Condition(
        text=torch.from_numpy(data.tokens[piece, spoken].astype(np.float32)),
        text_mask=torch.from_numpy(data.token_mask[piece, spoken]) & heard[:, None],
        global_vector=build_global_vector(headers, pooled, heard),
        local=torch.cat([inpainting_channels(latents, known), grid], dim=1),
        curve=_curve(data, piece, start, beats, rng, curve_odds) if data.curves.size else None,
    )
    return latents, condition, ~known


def _pieces(lengths: NDArray[np.int64], beats: int, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw pieces of at least ``beats`` beats; if some have exactly that length, _WHOLE of the draws are of these."""
    piece = rng.choice(np.flatnonzero(lengths >= beats), size)
    exact = np.flatnonzero(lengths == beats)
    return np.where(rng.random(size) < _WHOLE, rng.choice(exact, size), piece) if len(exact) else piece


def _grid(beat_in_bar: NDArray[np.int8], start: int, beats: int) -> torch.Tensor:
    # An odd first beat puts the frames between the piece's own; padding keeps the count even.
    shifted = np.append(beat_in_bar[start % 2 :], [0] * (start % 2)).astype(np.int8)
    whole = build_grid_condition(shifted, last_beat=len(beat_in_bar) - start % 2)
    first = start // BEATS_PER_FRAME
    return whole[:, first : first + beats // BEATS_PER_FRAME]


def _curve(
    data: FlowData,
    piece: NDArray[np.int64],
    start: NDArray[np.int64],
    beats: int,
    rng: np.random.Generator,
    odds: NDArray[np.float64],
) -> torch.Tensor:
    take = STEPS_PER_BEAT * start[:, None] + np.arange(STEPS_PER_BEAT * beats)
    curves = data.curves[piece[:, None], take].astype(np.float64)
    given = torch.from_numpy((rng.random(len(piece)) >= odds).astype(np.float32))
    return add_given_flag(torch.stack([curve_to_frames(row) for row in curves])) * given[:, None, None]


def draw_known(size: int, frames: int, rng: np.random.Generator) -> torch.Tensor:
    """Random inpainting masks (B, F), True = given: none, a prefix, a suffix, both ends, or all but both ends.

    At least one frame of each is left to generate.
    """
    known = np.zeros((size, frames), bool)
    for row in known:
        kind = rng.choice(5, p=(0.6, 0.14, 0.06, 0.12, 0.08))
        first, last = sorted(rng.integers(1, frames, 2))
        last = max(last, first + 1)
        if kind == 1:
            row[:first] = True
        elif kind == 2:
            row[first:] = True
        elif kind == 3:
            row[:first] = row[last:] = True
        elif kind == 4:
            row[first:last] = True
    return torch.from_numpy(known)
