"""Validation on held-out music: losses on fixed crops, and takes that are compared with their curves."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch

from model_core.curves.event_curve import FloatArray, frame_curve
from model_core.encoders.registry import MusicEncoder
from model_core.flow.conditioning import Condition
from model_core.flow.sampler import Guidance
from model_core.models.stable_audio.flow import AudioFlow, Take
from model_core.models.stable_audio.folder import StableAudioParts
from model_core.training.audio.examples import Crop, Pool, Reader, compute_times
from model_core.training.audio.report import EARLY_TIME, HeldOut
from model_core.training.audio.tracks import Track, sort_key
from model_core.training.optimization import compute_flow_losses

_DRAWS: Final = 4  # of noise and time for an item
_SEED: Final = 7


def spread_crops(pool: Pool, frames: int, limit: int, seed: int) -> list[Crop]:
    """At most ``limit`` crops that do not overlap, the first ones of all tracks before the second ones.

    Tracks and the places in them are in a random order, which depends on seed and names alone: music in the order of
    its names would be one album, and openings are not typical of it.
    """
    together = zip(pool.tracks, map(int, pool.frames), strict=True)
    drawn = sorted(together, key=lambda pair: sort_key(pair[0], seed))
    rows = [_crops(track, length, min(frames, length), seed) for track, length in drawn]
    longest = max(map(len, rows), default=0)
    ordered = [row[place] for place in range(longest) for row in rows if place < len(row)]
    return ordered[:limit]


def _crops(track: Track, length: int, frames: int, seed: int) -> list[Crop]:
    """As many crops as the track holds, in random order; what is left over is before the first and after the last."""
    rng = np.random.default_rng(list(sort_key(track, seed)))
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
        self._times = compute_times(torch.from_numpy(levels), torch.tensor([crop.frames for crop in crops]))

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
            return torch.stack([compute_flow_losses(model, clean, one, unknown, time, noise) for one in given])

        draws = [
            measured(draw, times[items], condition, condition.without_curve(), shifted)
            for draw, times in enumerate(self._times)
        ]
        ours, others = measured(0, torch.full((len(items),), EARLY_TIME), condition, shifted)
        return torch.cat([torch.stack(draws).mean(dim=0), (others - ours)[None]])


def _noise(like: torch.Tensor, item: int, draw: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(_DRAWS * item + draw)
    return torch.randn(like.shape, generator=generator)


TAKES: Final = 4
_SAMPLING_STEPS: Final = 16
FOLLOWED: Final = "r with its curve"
OTHERS: Final = "r with others"


class FollowingCheck:
    """Check of the model on a few held-out curves: takes with fixed noise, and the model's own music encoder."""

    def __init__(self, model: StableAudioParts, encoder: MusicEncoder, crops: Sequence[Crop], reader: Reader) -> None:
        """``model``: with the transformer that is trained. ``crops``: of one length, of different tracks."""
        self._flow, self._encoder = AudioFlow(model), encoder
        self._window_s = model.manifest.curve.hann_window_s
        self._defaults = model.manifest.defaults
        self._frames = crops[0].frames
        self._curves = [reader.curve(crop) for crop in crops]
        self._prompts = [crop.track.captions[0] for crop in crops]

    def figures(self) -> dict[str, float]:
        """Mean Pearson r of the output curve with the target curve, and with the target curves of the other takes.

        Both are on the model's latent frames and smoothed with its window. With one take alone, the second
        figure is left out.
        """
        heard = self._generate_curves()
        pairs = np.array([[_pearson(ours, given) for given in self._curves] for ours in heard])
        own = np.eye(len(pairs), dtype=bool)
        figures = {FOLLOWED: float(pairs[own].mean())}
        return figures if len(pairs) < 2 else {**figures, OTHERS: float(pairs[~own].mean())}

    def _generate_curves(self) -> list[FloatArray]:
        codec = self._flow.codec
        samples = self._frames * codec.hop
        told = zip(self._prompts, self._curves, strict=True)
        takes = [Take(prompt, seed, curve) for seed, (prompt, curve) in enumerate(told)]
        duration = (samples - 1) / codec.sample_rate  # a sample less: rounding must not make a frame more
        guidance = Guidance(self._defaults.text_guidance, self._defaults.curve_guidance or 1.0)
        latents = self._flow.generate(takes, duration, guidance, min(self._defaults.steps, _SAMPLING_STEPS))
        times = codec.frame_times(self._frames)
        curves = [self._encoder.curve(audio, codec.sample_rate) for audio in codec.decode(latents, samples)]
        return [frame_curve(curve, times, self._window_s) for curve in curves]


def _pearson(one: FloatArray, other: FloatArray) -> float:
    """Pearson r; 0 where either is flat."""
    if one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
