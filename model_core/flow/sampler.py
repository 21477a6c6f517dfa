"""Sampler of the curve-conditioned rectified flow: noise to latents, guided by text and event curve.

The velocity is noise - data: x_t = (1 - t) data + t noise. Text and curve have separate guidance,
v = v0 + s_text (v_text - v0) + s_curve (v_text,curve - v_text), as in instruct-pix2pix (arXiv 2211.09800).

Music longer than a model generates at once is sampled in windows. Overlapping windows are sampled together, their
velocities averaged at every step. Continuing windows are sampled one after the other, each conditioned on the end of
the one before by inpainting. Stable Audio 3 ends its music at the end of a window, so the end of a window that is
continued is discarded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, StableAudio3DiTModel

from model_core.flow.conditioning import Condition


@dataclass(frozen=True)
class Window:
    """One pass of the model over the frames first .. last - 1.

    Attributes:
        first, last: frames of the whole.
        known: number of frames from ``first`` on that are generated already and given as context.
        kept: end of the frames that are kept, exclusive.
    """

    first: int
    last: int
    known: int
    kept: int


def continuing_windows(frames: int, longest: int, context: int, ending: int) -> list[Window]:
    """Windows that generate ``frames`` frames, all of the same length, so that shapes stay the same.

    Args:
        frames: of the whole.
        longest: of one window.
        context: least number of earlier frames that a window is given.
        ending: frames discarded at the end of a window that is continued.

    Raises:
        ValueError: a window would add no frame.
    """
    if context + ending >= longest:
        raise ValueError(f"windows of {longest} frames add nothing with {context} of context and {ending} of ending")
    if frames <= longest:
        return [Window(0, frames, 0, frames)]
    windows = [Window(0, longest, 0, longest - ending)]
    while windows[-1].kept < frames:
        done = windows[-1].kept
        first = min(done - context, frames - longest)
        last = first + longest
        windows.append(Window(first, last, done - first, frames if last == frames else last - ending))
    return windows


def overlapping_starts(frames: int, window: int, overlap: int) -> list[int]:
    """First frames of windows that cover ``frames`` frames, neighbors sharing at least ``overlap`` frames."""
    if frames <= window:
        return [0]
    count = -(-(frames - overlap) // (window - overlap))
    return [round(i * (frames - window) / (count - 1)) for i in range(count)]


@dataclass(frozen=True)
class Guidance:
    """Guidance scales of the prompt and of the event curve; 1 = plain conditioning, 0 = not used."""

    text: float = 0.6
    curve: float = 4.0


def predict_velocity(
    model: StableAudio3DiTModel, latents: torch.Tensor, time: torch.Tensor, condition: Condition
) -> torch.Tensor:
    """Predict the velocity (B, C, F) of noisy latents (B, C, F) at times (B,) in 0..1, with 1 for noise."""
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
    """Conditions whose velocities are needed, and the factor of each in the guided velocity.

    One condition where both scales are 1, or the text's is 1 and there is no curve, as for models with distilled
    guidance; otherwise two or three.
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
    """Compute the guided velocity (B, C, F) in one pass over the needed variants as a batch.

    ``unprompted`` is the same condition with an empty or a negative prompt; its curve is not used.
    """
    variants, factors = guided_variants(condition, unprompted, guidance)
    count = len(variants)
    batch = Condition.stack(variants)
    parts = predict_velocity(model, latents.repeat(count, 1, 1), time.repeat(count), batch).chunk(count)
    return torch.stack([factor * part for factor, part in zip(factors, parts, strict=True)]).sum(dim=0)


def euler_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """Scheduler of Euler steps over evenly spaced times, as in folders of the embedded model."""
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=1.0)


def even_sigmas(steps: int) -> list[float]:
    """Noise levels of evenly spaced steps, from 1 for pure noise; the last step ends at 0."""
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
    """Generate latents (B, C, frames), float32, on the device of the conditions; the model runs in their dtype.

    Args:
        model, condition, unprompted, guidance: see guided_velocity.
        frames: number of latent frames F.
        sigmas: noise levels of the steps, descending from 1; the step to 0 is added.
        generators: one per item of the batch, on the CPU, so that an item's noise depends only on its own seed.
        window, overlap: pieces longer than ``window`` frames are generated in windows that share ``overlap`` frames.
            Their velocities are averaged at every step, weighted towards the middle of each window, so that one flow
            generates the whole. None = no windows.
        progress: called with the fraction done before each step and at the end; its exceptions stop the work.
        scheduler: scheduler of the steps, whose state is not changed; euler_scheduler by default.
    """
    device, dtype = condition.text.device, condition.text.dtype
    shape = (1, model.config["io_channels"], frames)
    latents = torch.cat([torch.randn(shape, generator=generator) for generator in generators]).to(device)
    scheduler = euler_scheduler() if scheduler is None else type(scheduler).from_config(scheduler.config)
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
    """Guided velocity (B, C, F), float32: from one pass where F fits into the window, else averaged over windows."""
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
