"""What the curve is worth on music that is not trained on: the loss with it and without it, all else being equal.

Alone, that could be the merit of the flag: a curve is given in four examples of five, so that the model knows that case
better. So the loss is also measured with the right curve at the wrong time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch

from model_core.curves import FloatArray
from model_core.training.audio.crops import Crop, Pool, Reader
from model_core.training.audio.loss import flow_losses

WITH, WITHOUT, SHIFTED = "held out", "held out without curve", "held out with it shifted"
_DRAWS: Final = 4  # of noise and time for an item
_RESAMPLES: Final = 10_000
_SEED: Final = 7


@dataclass(frozen=True)
class HeldOut:
    """Losses of held-out items, each three times on the same crop, noise and times; all (N,).

    Attributes:
        with_curve: with the curve.
        without: without one.
        shifted: with the curve half a crop too late; what falls out at the end is put at the beginning.
    """

    with_curve: FloatArray
    without: FloatArray
    shifted: FloatArray

    def means(self) -> dict[str, float]:
        """Mean losses by the names under which they are logged."""
        rows = {WITH: self.with_curve, WITHOUT: self.without, SHIFTED: self.shifted}
        return {name: float(row.mean()) for name, row in rows.items()}


@dataclass(frozen=True)
class Gain:
    """By how much the loss is less: the mean of ``items`` paired differences, and the ends of its 95 % interval."""

    mean: float
    low: float
    high: float
    items: int

    def __str__(self) -> str:
        return f"{self.mean:.4g} (95 % interval {self.low:.4g} to {self.high:.4g}, {self.items} items)"


def gain_of(differences: FloatArray) -> Gain:
    """Mean of N differences, and the bootstrap's percentile interval."""
    rng = np.random.default_rng(_SEED)
    count = len(differences)
    means = differences[rng.integers(0, count, (_RESAMPLES, count))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Gain(float(differences.mean()), float(low), float(high), count)


def spread_crops(pool: Pool, frames: int, limit: int) -> list[Crop]:
    """At most ``limit`` crops that do not overlap, the first ones of all tracks before the second ones."""
    rows = [
        [Crop(track, first, min(frames, length)) for first in range(0, max(1, length - frames + 1), frames)]
        for track, length in zip(pool.tracks, map(int, pool.frames), strict=True)
    ]
    longest = max(map(len, rows), default=0)
    ordered = [row[place] for place in range(longest) for row in rows if place < len(row)]
    return ordered[:limit]


class Validation:
    """Crops with their noise and times, the same at every call."""

    def __init__(self, crops: Sequence[Crop], reader: Reader, size: int) -> None:
        """``size``: crops in a batch, as far as they are equally long."""
        self._crops, self._reader, self._size = list(crops), reader, size
        # Each item meets times from all parts of their distribution, the logit-normal that is trained on.
        places = np.random.default_rng(_SEED).permuted(np.tile(np.arange(len(crops)), (_DRAWS, 1)), axis=1)
        levels = (places + len(crops) * np.arange(_DRAWS)[:, None] + 0.5) / (_DRAWS * len(crops))
        self._times = torch.sigmoid(torch.special.ndtri(torch.from_numpy(levels))).float()

    @torch.no_grad()
    def losses(self, model: torch.nn.Module) -> HeldOut:
        """Losses of all items under ``model``, items of one length together."""
        rows = [self._batch(model, items) for items in self._batches()]
        return HeldOut(*torch.cat(rows, dim=1).double().cpu().numpy())

    def _batches(self) -> list[list[int]]:
        by_length: dict[int, list[int]] = {}
        for item, crop in enumerate(self._crops):
            by_length.setdefault(crop.frames, []).append(item)
        return [items[at : at + self._size] for items in by_length.values() for at in range(0, len(items), self._size)]

    def _batch(self, model: torch.nn.Module, items: list[int]) -> torch.Tensor:
        crops, reader = [self._crops[item] for item in items], self._reader
        clean = reader.latents(crops)
        nothing, all_of_them = np.zeros((len(items), clean.shape[2]), bool), np.ones(len(items), bool)
        condition = reader.condition(crops, clean, [0] * len(items), nothing, all_of_them)
        unknown = torch.from_numpy(~nothing).to(reader.device)
        assert condition.curve is not None
        shifted = replace(condition, curve=condition.curve.roll(clean.shape[2] // 2, dims=2))
        variants = condition, condition.without_curve(), shifted
        total = torch.zeros(len(variants), len(items), device=reader.device)
        for number, times in enumerate(self._times):
            noise = torch.stack([_noise(clean[0], item, number) for item in items]).to(reader.device)
            time = times[items].to(reader.device)
            for row, given in enumerate(variants):
                total[row] += flow_losses(model, clean, given, unknown, time, noise)
        return total / len(self._times)


def _noise(like: torch.Tensor, item: int, draw: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(_DRAWS * item + draw)
    return torch.randn(like.shape, generator=generator)
