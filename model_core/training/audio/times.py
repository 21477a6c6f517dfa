"""The times that training meets: as often as Stable Audio 3's own training does, which dwells on noisy ones.

One minus a logit-normal number that is truncated on the left and stretched to 0..1 again, then shifted towards noise
by the length: in more frames the same noise hides less. Source: arXiv 2605.17991 and its reference implementation,
Stability-AI/stable-audio-3 (stable_audio_3/inference/sampling.py and distribution_shift.py).
"""

from typing import Final

import torch

_TRUNCATED: Final = 0.075
"""The least value of the logit-normal number that is kept; it becomes time 1."""
_SHIFTS: Final = ((256, 0.5), (4096, 1.15))
"""Logarithm of the factor of the odds by latent frames; linear in between, and constant outside."""


def times_at(levels: torch.Tensor, frames: int | torch.Tensor) -> torch.Tensor:
    """Quantiles of the times; with uniform random levels, random times.

    Args:
        levels: how much of the distribution is noisier than the time, 0..1, float64.
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
