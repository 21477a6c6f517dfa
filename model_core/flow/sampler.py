"""The curve-conditioned rectified flow: noise -> latents, guided by text and by the event curve.

Rectified flow with velocity = noise - data: x_t = (1 - t) data + t noise. Text and curve are guided apart,
v = v0 + s_text (v_text - v0) + s_curve (v_text,curve - v_text), as in instruct-pix2pix (arXiv 2211.09800).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, StableAudio3DiTModel

from model_core.flow.conditioning import Condition
from model_core.flow.windows import overlapping_starts


@dataclass(frozen=True)
class Guidance:
    """Guidance scales of the prompt and of the event curve; 1 = plain conditioning, 0 = left out."""

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


def plain_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """Scheduler of straight Euler steps over evenly spaced times, as in the embedded model's folders."""
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
        scheduler: makes the steps; its own state is not changed. plain_scheduler by default.
    """
    device, dtype = condition.text.device, condition.text.dtype
    shape = (1, model.config["io_channels"], frames)
    latents = torch.cat([torch.randn(shape, generator=generator) for generator in generators]).to(device)
    scheduler = plain_scheduler() if scheduler is None else type(scheduler).from_config(scheduler.config)
    scheduler.set_timesteps(sigmas=list(sigmas), device=device)

    for index, timestep in enumerate(scheduler.timesteps):
        progress(index / len(sigmas))
        time = (timestep / scheduler.config["num_train_timesteps"]).expand(len(generators))
        velocity = _windowed_velocity(
            model, latents.to(dtype), time, condition, unprompted, guidance, window or frames, overlap
        )
        latents = scheduler.step(velocity, timestep, latents, generator=generators, return_dict=False)[0]
    progress(1.0)
    return latents


def _windowed_velocity(
    model: StableAudio3DiTModel,
    latents: torch.Tensor,
    time: torch.Tensor,
    condition: Condition,
    unprompted: Condition,
    guidance: Guidance,
    window: int,
    overlap: int,
) -> torch.Tensor:
    """Guided velocity (B, C, F), float32: of one pass where F fits into the window, else averaged over windows."""
    frames = latents.shape[2]
    if frames <= window:
        return guided_velocity(model, latents, time, condition, unprompted, guidance).float()
    taper = torch.minimum(torch.arange(1, window + 1), torch.arange(window, 0, -1)).clamp(max=max(1, overlap))
    taper = taper.to(latents.device, torch.float32)
    total = torch.zeros(latents.shape, device=latents.device)
    weight = torch.zeros(frames, device=latents.device)
    for first in overlapping_starts(frames, window, overlap):
        span = first, first + window
        conditions = condition.frames(*span), unprompted.frames(*span)
        velocity = guided_velocity(model, latents[..., slice(*span)], time, *conditions, guidance)
        total[..., slice(*span)] += velocity.float() * taper
        weight[slice(*span)] += taper
    return total / weight
