"""The rectified-flow loss of an audio model's transformer."""

import torch

from model_core.conditioning import Condition
from model_core.generator import predict_velocity


def flow_losses(
    model: torch.nn.Module,
    clean: torch.Tensor,
    condition: Condition,
    unknown: torch.Tensor,
    time: torch.Tensor,
    noise: torch.Tensor,
) -> torch.Tensor:
    """Squared error of the velocity, shape (B,): a mean over the frames that are to be generated.

    Args:
        model: the transformer, or what accelerate has wrapped it in.
        clean, noise: shape (B, C, F).
        condition: of the batch.
        unknown: which frames are to be generated, shape (B, F), bool; at least one of each item.
        time: shape (B,), 0 = data, 1 = noise.
    """
    at = time[:, None, None]
    velocity = predict_velocity(model, (1 - at) * clean + at * noise, time, condition)
    error = (velocity.float() - (noise - clean)).square().mean(dim=1)
    return (error * unknown).sum(dim=1) / unknown.sum(dim=1)
