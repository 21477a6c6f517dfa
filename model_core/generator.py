"""The curve-conditioned rectified flow: noise -> latents, guided by text and by the event curve.

Rectified flow with velocity = noise - data: x_t = (1 - t) data + t noise. Text and curve are guided apart,
v = v0 + s_text (v_text - v0) + s_curve (v_text,curve - v_text), as in instruct-pix2pix (arXiv 2211.09800).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, StableAudio3DiTModel

from model_core.conditioning import Condition


@dataclass(frozen=True)
class Guidance:
    """Guidance scales of the prompt and of the event curve; 1 = plain conditioning, 0 = not heard at all."""

    text: float = 0.6
    curve: float = 4.0


def predict_velocity(
    model: StableAudio3DiTModel, latents: torch.Tensor, time: torch.Tensor, condition: Condition
) -> torch.Tensor:
    """Velocity (B, C, F) of noisy latents (B, C, F) at times (B,) in 0..1, 1 = noise."""
    velocity: torch.Tensor = model(
        latents,
        time,
        encoder_hidden_states=condition.text,
        global_hidden_states=condition.global_vector,
        encoder_attention_mask=condition.text_mask,
        local_add_cond=condition.local_add_cond,
        return_dict=False,
    )[0]
    return velocity


def guided_velocity(
    model: StableAudio3DiTModel,
    latents: torch.Tensor,
    time: torch.Tensor,
    condition: Condition,
    unprompted: Condition,
    guidance: Guidance,
) -> torch.Tensor:
    """Velocity (B, C, F) guided by text and curve, from one pass over the needed variants as a batch.

    ``unprompted`` is the same condition with an empty prompt; its curve is not used.
    """
    variants = [unprompted.without_curve(), condition.without_curve()]
    if condition.curve is not None and guidance.curve > 0:
        variants.append(condition)
    count = len(variants)
    batch = Condition.stacked(variants)
    parts = predict_velocity(model, latents.repeat(count, 1, 1), time.repeat(count), batch).chunk(count)
    velocity = parts[0] + guidance.text * (parts[1] - parts[0])
    if count == 3:
        velocity = velocity + guidance.curve * (parts[2] - parts[1])
    return velocity


def window_starts(frames: int, window: int, overlap: int) -> list[int]:
    """First frames of windows that cover ``frames`` frames, neighbours sharing at least ``overlap`` frames."""
    if frames <= window:
        return [0]
    count = -(-(frames - overlap) // (window - overlap))
    return [round(i * (frames - window) / (count - 1)) for i in range(count)]


def plain_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """Straight Euler steps over evenly spaced times: what the embedded model's folders carry."""
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=1.0)


@torch.no_grad()
def generate(
    model: StableAudio3DiTModel,
    condition: Condition,
    unprompted: Condition,
    guidance: Guidance,
    *,
    steps: int,
    generator: torch.Generator,
    window: int,
    overlap: int,
    progress: Callable[[float], None] = lambda fraction: None,
    scheduler: FlowMatchEulerDiscreteScheduler | None = None,
) -> torch.Tensor:
    """Latents (B, C, F) for a condition of any length.

    Pieces longer than ``window`` frames are generated in overlapping windows whose velocities are averaged at every
    step (weighted towards each window's middle), so that one flow makes the whole. The steps are laid out by the
    configuration of ``scheduler``, whose own state is left alone; plain_scheduler by default.
    """
    batch, _, frames = condition.local.shape
    channels = model.config["io_channels"]
    latents = torch.randn(batch, channels, frames, generator=generator)
    scheduler = plain_scheduler() if scheduler is None else type(scheduler).from_config(scheduler.config)
    scheduler.set_timesteps(sigmas=[1 - i / steps for i in range(steps)])
    starts = window_starts(frames, window, overlap)
    span = min(window, frames)
    taper = torch.minimum(torch.arange(1, span + 1), torch.arange(span, 0, -1)).clamp(max=max(1, overlap)).float()
    for index, timestep in enumerate(scheduler.timesteps):
        progress(index / steps)
        time = (timestep / scheduler.config["num_train_timesteps"]).expand(batch)
        total, weight = torch.zeros_like(latents), torch.zeros(frames)
        for start in starts:
            end = start + span
            velocity = guided_velocity(
                model, latents[..., start:end], time,
                condition.frames(start, end), unprompted.frames(start, end), guidance,
            )  # fmt: skip
            total[..., start:end] += velocity * taper
            weight[start:end] += taper
        latents = scheduler.step(total / weight, timestep, latents, return_dict=False)[0]
    progress(1.0)
    return latents
