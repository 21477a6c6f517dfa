"""Training examples: random crops of random tracks, with conditions withheld as often as guidance needs it.

The random numbers of a step depend on the seed, the process and the step alone: a run that was killed continues as if
nothing had happened, however many processes it has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.curves.event_curve import FloatArray, frame_curve
from model_core.flow.conditioning import Condition, add_given_flag, inpainting_channels
from model_core.models.stable_audio.codecs import open_codec
from model_core.models.stable_audio.conditions import TextStates, build_condition
from model_core.models.stable_audio.folder import StableAudioParts
from model_core.training.audio.tracks import Track


@dataclass(frozen=True)
class Crop:
    """The latent frames first .. first + frames - 1 of a track."""

    track: Track
    first: int
    frames: int


@dataclass(frozen=True)
class Pool:
    """Tracks, and the number of latent frames of each, (T,)."""

    tracks: Sequence[Track]
    frames: NDArray[np.int64]


class Reader:
    """Reader of crops: inputs of the transformer, on the model's device, in float32."""

    def __init__(self, model: StableAudioParts, unprompted: TextStates, device: torch.device) -> None:
        """``unprompted``: states of the empty prompt, (1, L, D), float32 on the CPU."""
        self.device = device
        self._embedder = model.duration_embedder
        self._codec = open_codec(model.vae)
        self._window_s = model.manifest.curve.hann_window_s
        self._unprompted = unprompted

    def pool(self, tracks: Sequence[Track]) -> Pool:
        """Tracks with their lengths; their files are not opened."""
        hop = self._codec.hop
        samples = [round(track.seconds * self._codec.sample_rate) for track in tracks]
        return Pool(tracks, np.array([-(-count // hop) for count in samples], np.int64))

    def to_frames(self, seconds: float) -> int:
        """Number of latent frames of ``seconds``."""
        return self._codec.count_frames(seconds)

    def to_seconds(self, frames: int) -> float:
        """Duration of ``frames`` latent frames in seconds."""
        return frames / self._codec.frame_rate

    def latents(self, crops: Sequence[Crop]) -> torch.Tensor:
        """Latents of crops of one length, (B, C, F)."""
        parts = [crop.track.latents[:, crop.first : crop.first + crop.frames] for crop in crops]
        return torch.stack(parts).to(self.device)

    def curve(self, crop: Crop) -> FloatArray:
        """The curve of a crop alone, as a video's of that length would be given: (F,)."""
        return frame_curve(crop.track.curve, self._codec.frame_times(crop.frames, crop.first), self._window_s)

    def text(self, crops: Sequence[Crop], captions: Sequence[int | None]) -> TextStates:
        """States of a caption of each crop's track, by its number; None = the empty prompt."""
        parts = [
            self._unprompted if number is None else crop.track.text(number)
            for crop, number in zip(crops, captions, strict=True)
        ]
        states, masks = torch.cat([part.states for part in parts]), torch.cat([part.mask for part in parts])
        return TextStates(states.to(self.device), masks.to(self.device))

    @torch.no_grad()
    def condition(
        self,
        crops: Sequence[Crop],
        clean: torch.Tensor,
        captions: Sequence[int | None],
        given: NDArray[np.bool_],
        curve_given: NDArray[np.bool_],
    ) -> Condition:
        """Conditions of crops of one length.

        Args:
            crops: B of them.
            clean: their latents, (B, C, F).
            captions: see text.
            given: frames that are there already, (B, F).
            curve_given: whose curve is given, (B,).
        """
        frames = clean.shape[2]
        curve = torch.from_numpy(np.stack([self.curve(crop) for crop in crops])).float()
        shown = torch.from_numpy(curve_given)[:, None, None]
        seconds = torch.full((len(crops),), self.to_seconds(frames))
        return build_condition(
            self._embedder,
            self.text(crops, captions),
            seconds,
            inpainting_channels(clean, torch.from_numpy(given).to(self.device)),
            (add_given_flag(curve[:, None]) * shown).to(self.device),
        )


SHARES: Final = (0.8, 0.1, 0.1)
"""Probabilities of giving nothing, the beginning, and random spans: as in Stable Audio 3's own fine-tuning."""
_MOST_SPANS: Final = 3


def draw_given(size: int, frames: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Random masks (B, F), True = given; at least one frame of each is left to generate."""
    given = np.zeros((size, frames), bool)
    if frames < 2:
        return given
    for row in given:
        kind = rng.choice(len(SHARES), p=SHARES)
        if kind == 1:
            row[: rng.integers(1, frames)] = True
        elif kind == 2:
            for _ in range(rng.integers(1, _MOST_SPANS + 1)):
                first, last = sorted(rng.integers(0, frames + 1, 2))
                row[first:last] = True
            if row.all():
                row[rng.integers(0, frames)] = False
    return given


_TRUNCATED: Final = 0.075
"""The least value of the logit-normal number that is kept; it becomes time 1."""
_SHIFTS: Final = ((256, 0.5), (4096, 1.15))
"""Logarithm of the factor of the odds by latent frames; linear in between, and constant outside."""


def compute_times(levels: torch.Tensor, frames: int | torch.Tensor) -> torch.Tensor:
    """Quantiles of the times; with uniform random levels, random times.

    Args:
        levels: share of the distribution that is noisier than the time, 0..1, float64.
        frames: latent frames of an example; a number, or a tensor that broadcasts with ``levels``.

    Returns:
        Times, 0 = data, 1 = noise; float32, shape of ``levels``.
    """
    cut = torch.special.ndtr(torch.logit(torch.tensor(_TRUNCATED, dtype=torch.float64)))
    kept = torch.sigmoid(torch.special.ndtri(cut + (1 - cut) * levels))
    time = 1 - ((kept - _TRUNCATED) / (1 - _TRUNCATED)).clamp(0, 1)
    (short, least), (long, most) = _SHIFTS
    length = torch.as_tensor(frames, dtype=torch.float64).clamp(short, long)
    factor = torch.exp(least + (most - least) * (length - short) / (long - short))
    return (factor * time / (1 + (factor - 1) * time)).float()


@dataclass(frozen=True)
class Withheld:
    """Probabilities of withholding a condition, for classifier-free guidance.

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


def create_rng(seed: int, process: int, step: int) -> np.random.Generator:
    """Create the random generator of one step of one process."""
    return np.random.default_rng((seed, process, step))


def draw(
    pool: Pool,
    reader: Reader,
    size: int,
    frames: int,
    rng: np.random.Generator,
    withheld: Withheld = WITHHELD,
) -> Batch:
    """Draw a batch of ``size`` crops of ``frames`` latent frames, or fewer if the first track drawn is shorter."""
    crops = draw_crops(pool, size, frames, rng)
    clean = reader.latents(crops)
    captions = [
        None if rng.random() < withheld.prompt else int(rng.integers(len(crop.track.captions))) for crop in crops
    ]
    given = draw_given(size, crops[0].frames, rng)
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
        time=compute_times(levels, clean.shape[2]).to(device),
        noise=torch.randn(clean.shape, generator=generator).to(device),
    )


def draw_crops(pool: Pool, size: int, frames: int, rng: np.random.Generator) -> list[Crop]:
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
