"""Losses on music that is not trained on, always the same crops, noise and times."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch

from model_core.flow.conditioning import Condition
from model_core.training.audio.crops import Crop, Pool, Reader
from model_core.training.audio.gain import EARLY_TIME, HeldOut
from model_core.training.audio.times import times_at
from model_core.training.audio.tracks import Track, place_of
from model_core.training.flow_losses import flow_losses

_DRAWS: Final = 4  # of noise and time for an item
_SEED: Final = 7


def spread_crops(pool: Pool, frames: int, limit: int, seed: int) -> list[Crop]:
    """At most ``limit`` crops that do not overlap, the first ones of all tracks before the second ones.

    Tracks and the places in them are in a random order, which depends on seed and names alone: music in the order of
    its names would be one album, and its openings are not what it is like.
    """
    together = zip(pool.tracks, map(int, pool.frames), strict=True)
    drawn = sorted(together, key=lambda pair: place_of(pair[0], seed))
    rows = [_crops(track, length, min(frames, length), seed) for track, length in drawn]
    longest = max(map(len, rows), default=0)
    ordered = [row[place] for place in range(longest) for row in rows if place < len(row)]
    return ordered[:limit]


def _crops(track: Track, length: int, frames: int, seed: int) -> list[Crop]:
    """As many crops as the track holds, in random order; what is left over is before the first and after the last."""
    rng = np.random.default_rng(list(place_of(track, seed)))
    count, rest = divmod(length, frames)
    start = int(rng.integers(rest + 1))
    return [Crop(track, start + frames * int(place), frames) for place in rng.permutation(count)]


class Validation:
    """Crops with their noise and times, the same at every call."""

    def __init__(self, crops: Sequence[Crop], reader: Reader, size: int) -> None:
        """``size``: crops in a batch, as far as they are equally long."""
        self._crops, self._reader, self._size = list(crops), reader, size
        numbers: dict[str, int] = {}
        self._tracks = np.array([numbers.setdefault(crop.track.name, len(numbers)) for crop in crops], np.int64)
        # Each item meets times from all parts of the distribution that is trained on.
        places = np.random.default_rng(_SEED).permuted(np.tile(np.arange(len(crops)), (_DRAWS, 1)), axis=1)
        levels = (places + len(crops) * np.arange(_DRAWS)[:, None] + 0.5) / (_DRAWS * len(crops))
        self._times = times_at(torch.from_numpy(levels), torch.tensor([crop.frames for crop in crops]))

    @torch.no_grad()
    def losses(self, model: torch.nn.Module) -> HeldOut:
        """Losses of all items under ``model``, those of one length together."""
        batches = self._batches()
        rows = torch.cat([self._batch(model, items) for items in batches], dim=1).double().cpu().numpy()
        with_curve, without, shifted, early = rows
        return HeldOut(with_curve, without, shifted, early, self._tracks[np.concatenate(batches)])

    def _batches(self) -> list[list[int]]:
        by_length: dict[int, list[int]] = {}
        for item, crop in enumerate(self._crops):
            by_length.setdefault(crop.frames, []).append(item)
        return [items[at : at + self._size] for items in by_length.values() for at in range(0, len(items), self._size)]

    def _batch(self, model: torch.nn.Module, items: list[int]) -> torch.Tensor:
        """Rows of HeldOut but for the tracks, (4, B)."""
        crops, reader = [self._crops[item] for item in items], self._reader
        clean = reader.latents(crops)
        nothing, all_of_them = np.zeros((len(items), clean.shape[2]), bool), np.ones(len(items), bool)
        condition = reader.condition(crops, clean, [0] * len(items), nothing, all_of_them)
        unknown = torch.from_numpy(~nothing).to(reader.device)
        assert condition.curve is not None
        shifted = replace(condition, curve=condition.curve.roll(clean.shape[2] // 2, dims=2))

        def measured(draw: int, times: torch.Tensor, *given: Condition) -> torch.Tensor:
            noise = torch.stack([_noise(clean[0], item, draw) for item in items]).to(reader.device)
            time = times.to(reader.device)
            return torch.stack([flow_losses(model, clean, one, unknown, time, noise) for one in given])

        draws = [
            measured(draw, times[items], condition, condition.without_curve(), shifted)
            for draw, times in enumerate(self._times)
        ]
        ours, others = measured(0, torch.full((len(items),), EARLY_TIME), condition, shifted)
        return torch.cat([torch.stack(draws).mean(dim=0), (others - ours)[None]])


def _noise(like: torch.Tensor, item: int, draw: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(_DRAWS * item + draw)
    return torch.randn(like.shape, generator=generator)
