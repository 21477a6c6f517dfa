"""The rectified-flow loss, for latents of any kind, and learning rates as functions of the share of a stage.

Rates depend on the share that is done, so that a stage may be limited by steps or by time.
"""

import math
from typing import Any, Final

import torch

from model_core.flow.conditioning import Condition
from model_core.flow.sampler import predict_velocity

_WARM_UP_STEPS: Final = 60
_HOLD: Final = 0.55
_FIRST, _LAST = 1 / 25, 1 / 25e4
_MOMENTA: Final = (0.95, 0.85)


def compute_flow_losses(
    model: torch.nn.Module,
    clean: torch.Tensor,
    condition: Condition,
    weights: torch.Tensor,
    time: torch.Tensor,
    noise: torch.Tensor,
) -> torch.Tensor:
    """Squared error of the velocity, shape (B,): a weighted mean over each item's frames.

    Args:
        model: the transformer, or what accelerate has wrapped it in.
        clean, noise: shape (B, C, F).
        condition: of the batch.
        weights: of the frames, shape (B, F), numbers or bool; 0 where nothing is to be generated, and more than that
            in at least one frame of each item.
        time: shape (B,), 0 = data, 1 = noise.
    """
    at = time[:, None, None]
    velocity = predict_velocity(model, (1 - at) * clean + at * noise, time, condition)
    error = (velocity.float() - (noise - clean)).square().mean(dim=1)
    return (error * weights).sum(dim=1) / weights.sum(dim=1)


def hold_then_fall(step: int, share: float) -> float:
    """Level 0..1 of the flow's rates: a short rise, level until _HOLD of the stage is done, then straight down."""
    return min(1.0, (step + 1) / _WARM_UP_STEPS) * (1.0 if share < _HOLD else max(0.02, (1 - share) / (1 - _HOLD)))


def one_cycle(share: float, rise: float = 0.3) -> tuple[float, float]:
    """Level 0..1 of the rate, and the momentum that goes with it: torch's OneCycleLR over a share of the stage."""
    if share < rise:
        return _cosine(_FIRST, 1.0, share / rise), _cosine(*_MOMENTA, share / rise)
    done = min(1.0, (share - rise) / (1 - rise))
    return _cosine(1.0, _LAST, done), _cosine(_MOMENTA[1], _MOMENTA[0], done)


def set_one_cycle(optimizer: torch.optim.AdamW, peak: float, share: float, rise: float = 0.3) -> None:
    """Give an optimiser the rate and momentum of one_cycle."""
    level, momentum = one_cycle(share, rise)
    for group in optimizer.param_groups:
        settings: dict[str, Any] = {"lr": peak * level, "betas": (momentum, group["betas"][1])}
        group.update(settings)


def _cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * done))
