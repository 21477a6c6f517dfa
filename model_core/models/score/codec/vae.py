"""Beat vectors, one of BEAT_DIM values per beat of a Score, and the VAE that converts them to latents and back."""

from typing import Final

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from numpy.typing import NDArray
from torch import nn

from model_core.models.score.codec.score import LANES, MONO_PARTS, RANGES, REST, STEPS_PER_BEAT, Score

CHORD_PITCHES: Final = RANGES["chords"].count


def _layout() -> dict[str, slice]:
    widths = {"drum_hit": len(LANES), "drum_velocity": len(LANES)}
    for part in MONO_PARTS:
        widths |= {part: RANGES[part].states, f"{part}_velocity": 1}
    widths |= {"chord": CHORD_PITCHES, "chord_struck": 1, "chord_velocity": 1}
    slices, at = {}, 0
    for name, width in widths.items():
        slices[name] = slice(at, at + width * STEPS_PER_BEAT)
        at += width * STEPS_PER_BEAT
    return slices


FIELDS: Final = _layout()
"""Slice of each field in a beat vector; the four steps of a field follow one another."""
BEAT_DIM: Final = max(field.stop for field in FIELDS.values())
_LEAST_VELOCITY: Final = 0.08


def to_beats(score: Score) -> NDArray[np.float32]:
    """Convert a score to beat vectors, shape (N, BEAT_DIM): one-hot states, 0/1 flags, velocities 0..1."""
    beats = np.zeros((score.beats, BEAT_DIM), np.float32)

    def put(name: str, values: NDArray[np.generic]) -> None:
        beats[:, FIELDS[name]] = values.reshape(score.beats, -1)

    put("drum_hit", score.drums > 0)
    put("drum_velocity", score.drums)
    for part in MONO_PARTS:
        put(part, np.eye(RANGES[part].states, dtype=np.float32)[score.mono[part]])
        put(f"{part}_velocity", score.mono_velocity[part])
    put("chord", score.chord)
    put("chord_struck", score.chord_struck)
    put("chord_velocity", score.chord_velocity)
    return beats


def from_beats(logits: NDArray[np.float32], beat_in_bar: NDArray[np.int8]) -> Score:
    """Convert decoder outputs to the most likely score.

    Args:
        logits: logits of states and flags, and velocities, shape (N, BEAT_DIM).
        beat_in_bar: beat numbers for the score, shape (N,), 0..3.
    """
    steps = len(logits) * STEPS_PER_BEAT

    def take(name: str) -> NDArray[np.float32]:
        return logits[:, FIELDS[name]].reshape(steps, -1)

    def velocity(name: str, sounding: NDArray[np.bool_]) -> NDArray[np.float32]:
        clipped = np.clip(take(name), _LEAST_VELOCITY, 1.0)
        return np.where(sounding, clipped.reshape(sounding.shape), 0).astype(np.float32)

    mono = {part: take(part).argmax(axis=1).astype(np.int16) for part in MONO_PARTS}
    chord = take("chord") > 0
    return Score(
        mono=mono,
        mono_velocity={part: velocity(f"{part}_velocity", mono[part] != REST) for part in MONO_PARTS},
        chord=chord,
        chord_struck=take("chord_struck")[:, 0] > 0,
        chord_velocity=velocity("chord_velocity", np.asarray(chord.any(axis=1))),
        drums=velocity("drum_velocity", take("drum_hit") > 0),
        beat_in_bar=beat_in_bar,
    ).tidy()


class BeatVAE(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A small MLP VAE of single beats.

    Latents are shifted by their mean and divided by one global RMS, so that the spread of a channel still shows its
    importance to the flow.
    """

    shift: torch.Tensor
    scale: torch.Tensor

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, latent_channels: int = 64, hidden: int = 512) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(BEAT_DIM, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(),
            nn.Linear(hidden, 2 * latent_channels),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(latent_channels, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(),
            nn.Linear(hidden, BEAT_DIM),
        )  # fmt: skip
        self.register_buffer("shift", torch.zeros(latent_channels))
        self.register_buffer("scale", torch.ones(1))

    def posterior(self, beats: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log variance of the unscaled latents of beats (..., BEAT_DIM), each (..., latent_channels)."""
        mean, log_variance = self.encoder(beats).chunk(2, dim=-1)
        return mean, log_variance.clamp(-8.0, 1.0)

    def encode(self, beats: torch.Tensor) -> torch.Tensor:
        """Latents of beats (..., BEAT_DIM): shape (..., latent_channels), unit RMS over a corpus."""
        return (self.posterior(beats)[0] - self.shift) / self.scale

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Logits and velocities (..., BEAT_DIM) of latents (..., latent_channels)."""
        decoded: torch.Tensor = self.decoder(latents * self.scale + self.shift)
        return decoded
