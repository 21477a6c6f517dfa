"""Training examples: random crops of random tracks, with conditions withheld as often as guidance needs it.

What a step draws depends on the seed, the process and the step alone: a run that was killed goes on as if nothing had
happened, however many processes it has.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch

from model_core.flow.conditioning import Condition
from model_core.training.audio.crops import Crop, Pool, Reader
from model_core.training.audio.given import random_given
from model_core.training.audio.times import times_at


@dataclass(frozen=True)
class Withheld:
    """How often a condition is withheld.

    Attributes:
        prompt: from an example, the prompt: it has the empty one instead.
        curve: from an example, the curve.
        local: from a whole batch, kept latents and curve, as in plain text-to-audio.
    """

    prompt: float = 0.1
    curve: float = 0.2
    local: float = 0.1


WITHHELD: Final = Withheld()


@dataclass(frozen=True)
class Batch:
    """B examples of F latent frames.

    Attributes:
        clean, noise: shape (B, C, F).
        condition: of the examples.
        unknown: frames that are to be generated, shape (B, F), bool.
        time: shape (B,), 0 = data, 1 = noise.
    """

    clean: torch.Tensor
    condition: Condition
    unknown: torch.Tensor
    time: torch.Tensor
    noise: torch.Tensor


def random_of(seed: int, process: int, step: int) -> np.random.Generator:
    """The random numbers of one step of one process."""
    return np.random.default_rng((seed, process, step))


def draw(
    pool: Pool,
    reader: Reader,
    size: int,
    frames: int,
    rng: np.random.Generator,
    withheld: Withheld = WITHHELD,
) -> Batch:
    """A batch of ``size`` crops of ``frames`` latent frames, or of as many as the first track that is drawn has."""
    crops = random_crops(pool, size, frames, rng)
    clean = reader.latents(crops)
    captions = [
        None if rng.random() < withheld.prompt else int(rng.integers(len(crop.track.captions))) for crop in crops
    ]
    given = random_given(size, crops[0].frames, rng)
    curve_given = rng.random(size) >= withheld.curve
    plain = rng.random() < withheld.local
    if plain:
        given[:] = False
    condition = reader.condition(crops, clean, captions, given, curve_given)
    if plain:
        condition = replace(condition, local=None, curve=None)
    device = reader.device
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    levels = torch.rand(size, generator=generator, dtype=torch.float64)
    return Batch(
        clean=clean,
        condition=condition,
        unknown=torch.from_numpy(~given).to(device),
        time=times_at(levels, clean.shape[2]).to(device),
        noise=torch.randn(clean.shape, generator=generator).to(device),
    )


def random_crops(pool: Pool, size: int, frames: int, rng: np.random.Generator) -> list[Crop]:
    """Crops of one length, each second of music as often as any other; a short track is whole, and sets the length."""
    lengths = pool.frames
    first = int(rng.choice(len(lengths), p=lengths / lengths.sum()))
    frames = min(frames, int(lengths[first]))
    weights = np.where(lengths >= frames, lengths, 0)
    others = rng.choice(len(lengths), size - 1, p=weights / weights.sum())
    return [
        Crop(pool.tracks[number], int(rng.integers(0, lengths[number] - frames + 1)), frames)
        for number in (first, *map(int, others))
    ]
