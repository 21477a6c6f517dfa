"""Learning rates as a function of how much of a stage is done, so that a stage may be cut by steps or by time."""

import math
from typing import Any, Final

import torch

_WARM_UP_STEPS: Final = 60
_HOLD: Final = 0.55
_FIRST, _LAST = 1 / 25, 1 / 25e4
_MOMENTA: Final = (0.95, 0.85)


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
