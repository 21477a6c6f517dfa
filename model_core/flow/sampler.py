"""The curve-conditioned rectified flow: noise -> latents, guided by text and by the event curve.

Rectified flow with velocity = noise - data: x_t = (1 - t) data + t noise. Text and curve are guided apart,
v = v0 + s_text (v_text - v0) + s_curve (v_text,curve - v_text), as in instruct-pix2pix (arXiv 2211.09800).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, StableAudio3DiTModel

from model_core.flow.conditioning import Condition


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


def guided_variants(
    condition: Condition, unprompted: Condition, guidance: Guidance
) -> tuple[list[Condition], list[float]]:
    """The conditions whose velocities are needed, and the factor of each in the guided velocity.

    One pass where both scales are 1 (or there is no curve and the text's is 1), as for models whose guidance was
    distilled into them; two or three otherwise.
    """
    curve = guidance.curve if condition.curve is not None else 0.0
    factors = [1 - guidance.text, guidance.text - curve, curve]
    variants = [unprompted.without_curve(), condition.without_curve(), condition]
    needed = [index for index, factor in enumerate(factors) if factor]
    return [variants[index] for index in needed], [factors[index] for index in needed]


def guided_velocity(
    model: StableAudio3DiTModel,
    latents: torch.Tensor,
    time: torch.Tensor,
    condition: Condition,
    unprompted: Condition,
    guidance: Guidance,
) -> torch.Tensor:
    """Velocity (B, C, F) guided by text and curve, from one pass over the needed variants as a batch.

    ``unprompted`` is the same condition with an empty or a negative prompt; its curve is not used.
    """
    variants, factors = guided_variants(condition, unprompted, guidance)
    count = len(variants)
    batch = Condition.stacked(variants)
    parts = predict_velocity(model, latents.repeat(count, 1, 1), time.repeat(count), batch).chunk(count)
    return torch.stack([factor * part for factor, part in zip(factors, parts, strict=True)]).sum(dim=0)


def window_starts(frames: int, window: int, overlap: int) -> list[int]:
    """First frames of windows that cover ``frames`` frames, neighbours sharing at least ``overlap`` frames."""
    if frames <= window:
        return [0]
    count = -(-(frames - overlap) // (window - overlap))
    return [round(i * (frames - window) / (count - 1)) for i in range(count)]


def plain_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """Straight Euler steps over evenly spaced times: what the embedded model's folders carry."""
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=1.0)


def even_sigmas(steps: int) -> list[float]:
    """Noise levels of evenly spaced steps from 1, pure noise; the last step ends at 0."""
    return [1 - i / steps for i in range(steps)]


@torch.no_grad()
def generate(
    model: StableAudio3DiTModel,
    condition: Condition,
    unprompted: Condition,
    guidance: Guidance,
    *,
    frames: int,
    sigmas: Sequence[float],
    generators: list[torch.Generator],
    window: int | None = None,
    overlap: int = 0,
    progress: Callable[[float], None] = lambda fraction: None,
    scheduler: FlowMatchEulerDiscreteScheduler | None = None,
) -> torch.Tensor:
    """Latents (B, C, frames), float32, on the device and through the dtype of the conditions.

    Args:
        model, condition, unprompted, guidance: see guided_velocity.
        frames: latent frames F.
        sigmas: noise levels of the steps, from 1 down; the step to 0 is added.
        generators: one an item of the batch, on the CPU, so that an item's noise depends on its own seed alone.
        window, overlap: pieces longer than ``window`` frames are generated in windows that share ``overlap`` frames and
            whose velocities are averaged at every step (weighted towards each window's middle), so that one flow makes
            the whole; None = never.
        progress: called before each step and at the end; what it raises stops the work.
        scheduler: how a step is made; its own state is left alone; plain_scheduler by default.
    """
    device, dtype = condition.text.device, condition.text.dtype
    shape = (1, model.config["io_channels"], frames)
    latents = torch.cat([torch.randn(shape, generator=generator) for generator in generators]).to(device)
    scheduler = plain_scheduler() if scheduler is None else type(scheduler).from_config(scheduler.config)
    scheduler.set_timesteps(sigmas=list(sigmas), device=device)

    def velocity_of(first: int, last: int, time: torch.Tensor) -> torch.Tensor:
        parts = condition.frames(first, last), unprompted.frames(first, last)
        return guided_velocity(model, latents[..., first:last].to(dtype), time, *parts, guidance).float()

    for index, timestep in enumerate(scheduler.timesteps):
        progress(index / len(sigmas))
        time = (timestep / scheduler.config["num_train_timesteps"]).expand(len(generators))
        if window is None or frames <= window:
            velocity = velocity_of(0, frames, time)
        else:
            velocity = _averaged(latents, window, overlap, lambda first, last: velocity_of(first, last, time))  # noqa: B023 - called at once
        latents = scheduler.step(velocity, timestep, latents, generator=generators, return_dict=False)[0]
    progress(1.0)
    return latents


def _averaged(
    latents: torch.Tensor, window: int, overlap: int, velocity_of: Callable[[int, int], torch.Tensor]
) -> torch.Tensor:
    frames = latents.shape[2]
    taper = torch.minimum(torch.arange(1, window + 1), torch.arange(window, 0, -1)).clamp(max=max(1, overlap))
    taper = taper.to(latents)
    total, weight = torch.zeros_like(latents), torch.zeros_like(latents[0, 0])
    for start in window_starts(frames, window, overlap):
        total[..., start : start + window] += velocity_of(start, start + window) * taper
        weight[start : start + window] += taper
    return total / weight
