"""The rectified-flow loss of a transformer that is conditioned on text and curve, whatever its latents are of."""

import torch

from model_core.flow.conditioning import Condition
from model_core.flow.sampler import predict_velocity


def flow_losses(
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
