"""The beat VAE: beat vectors <-> latents, one beat at a time."""

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

from model_core.models.score.codec.beats import BEAT_DIM


class BeatVAE(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A small MLP VAE. Latents are shifted by their mean and divided by one global RMS, so that the flow sees
    channels whose spread still says how much they matter."""

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
