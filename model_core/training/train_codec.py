"""Train the beat VAE: reconstruction of every field of a beat, and a small KL term."""

import copy
from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from model_core.models.score.codec.score import MONO_PARTS, RANGES, STEPS_PER_BEAT
from model_core.models.score.codec.vae import BEAT_DIM, FIELDS, BeatVAE
from model_core.training.loop import Limit, Run, carry_out
from model_core.training.optimization import set_one_cycle

_BATCH: Final = 640
_PROBE: Final = 4096
_PEAK_LR: Final = 2e-3
_KL_WEIGHT: Final = 0.005
_PART_WEIGHT: Final = {"bass": 1.0, "lead": 2.0, "arp": 2.0}
_VELOCITY_WEIGHT: Final = 4.0
_NEAR_WEIGHT: Final = 0.01
"""Cost of a squared unit by which latents leave those of the codec that is gone on from."""

FloatArray = NDArray[np.float16]


def reconstruction_loss(decoded: torch.Tensor, beats: torch.Tensor) -> torch.Tensor:
    """Mean loss a beat of decoder outputs (B, BEAT_DIM) against beat vectors (B, BEAT_DIM).

    Cross-entropy for the mono parts, binary cross-entropy for drum hits, chord pitches and strikes, squared error for
    the velocities of what sounds.
    """
    loss = _binary(decoded, beats, "drum_hit") + 0.5 * _binary(decoded, beats, "chord")
    loss = loss + _binary(decoded, beats, "chord_struck")
    for part in MONO_PARTS:
        states = RANGES[part].states
        target = beats[:, FIELDS[part]].reshape(-1, states).argmax(dim=1)
        per_step = functional.cross_entropy(decoded[:, FIELDS[part]].reshape(-1, states), target, reduction="none")
        loss = loss + _PART_WEIGHT[part] * per_step.reshape(-1, STEPS_PER_BEAT).sum(dim=1)
    for name in ("drum_velocity", "bass_velocity", "lead_velocity", "arp_velocity", "chord_velocity"):
        target = beats[:, FIELDS[name]]
        error = (decoded[:, FIELDS[name]] - target) ** 2 * (target > 0)
        loss = loss + _VELOCITY_WEIGHT * error.sum(dim=1)
    return loss.mean()


def _binary(decoded: torch.Tensor, beats: torch.Tensor, name: str) -> torch.Tensor:
    field = FIELDS[name]
    return functional.binary_cross_entropy_with_logits(decoded[:, field], beats[:, field], reduction="none").sum(dim=1)


def train_codec(
    beats: FloatArray,
    held_out: FloatArray | None = None,
    *,
    steps: int = 8000,
    start: BeatVAE | None = None,
    seed: int = 0,
    log: Callable[[str], None] = print,
    run: Run | None = None,
) -> BeatVAE:
    """A trained VAE with its shift and scale set.

    Args:
        beats: beat vectors, shape (M, BEAT_DIM).
        held_out: others, for the log; the first of ``beats`` where there are none.
        steps: of the optimiser.
        start: a VAE to go on from, left as it is; the new one's latents stay near its own, so that a flow trained on
            training can continue from those too.
        seed: of everything random.
        log: takes a line of progress now and then.
        run: limit, seed, checkpoint and logs, in place of steps, seed and log.

    Raises:
        InputError, StoppedError: see carry_out.
    """
    run = Run("codec", Limit(steps=steps), seed, say=log) if run is None else run
    trainee = _CodecTraining(beats, beats[:_PROBE] if held_out is None else held_out[:_PROBE], start, run.seed)
    carry_out(trainee, run)
    trainee.vae.eval()
    _set_scale(trainee.vae, _tensor(beats[trainee.rng.permutation(len(beats))[:50_000]]))
    return trainee.vae


class _CodecTraining:
    log_every: int = 250

    def __init__(self, beats: FloatArray, probe: FloatArray, start: BeatVAE | None, seed: int) -> None:
        assert beats.shape[1] == BEAT_DIM
        torch.manual_seed(seed)
        self.vae: BeatVAE = BeatVAE() if start is None else copy.deepcopy(start).train()
        self._beats, self._start, self._probe = beats, start, _tensor(probe)
        self._adam = torch.optim.AdamW(self.vae.parameters(), _PEAK_LR, weight_decay=1e-4, betas=(0.9, 0.98))
        self.modules: dict[str, torch.nn.Module] = {"codec": self.vae}
        self.optimizers: list[torch.optim.Optimizer] = [self._adam]
        self.rng = np.random.default_rng(seed)

    def step(self, step: int, share: float) -> float:
        set_one_cycle(self._adam, _PEAK_LR, share, rise=0.05)
        batch = _tensor(self._beats[self.rng.integers(0, len(self._beats), _BATCH)])
        mean, log_variance = self.vae.posterior(batch)
        decoded = self.vae.decoder(mean + torch.randn_like(mean) * (0.5 * log_variance).exp())
        divergence = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(dim=1).mean()
        loss = reconstruction_loss(decoded, batch)
        total = loss + _KL_WEIGHT * divergence
        if self._start is not None:
            with torch.no_grad():
                known = self._start.posterior(batch)[0]
            total = total + _NEAR_WEIGHT * (mean - known).pow(2).sum(dim=1).mean()
        self._adam.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.vae.parameters(), 2.0)
        self._adam.step()
        return loss.item()

    @torch.no_grad()
    def held_out(self) -> float:
        """Without noise on the latents."""
        return reconstruction_loss(self.vae.decoder(self.vae.posterior(self._probe)[0]), self._probe).item()


def _tensor(beats: FloatArray) -> torch.Tensor:
    return torch.from_numpy(beats.astype(np.float32))


@torch.no_grad()
def _set_scale(vae: BeatVAE, beats: torch.Tensor) -> None:
    mean = vae.posterior(beats)[0]
    vae.shift.copy_(mean.mean(dim=0))
    vae.scale.copy_((mean - vae.shift).pow(2).mean().sqrt())
