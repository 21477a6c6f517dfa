"""Train the flow: the text stage from nothing, then the curve stage from its weights. Rectified-flow matching."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from diffusers import StableAudio3DiTModel
from torch.nn.attention import SDPBackend, sdpa_kernel

from model_core.codecs.score.grid import BEATS_PER_FRAME, CURVE_CHANNELS, GRID_CHANNELS
from model_core.conditioning import Condition, widen_for_curve
from model_core.encoders.minilm import TEXT_DIM
from model_core.generator import predict_velocity
from model_core.prompting import GLOBAL_DIM
from model_core.training.dataset import Dropout, FlowData, batch

_WARM_UP_STEPS: Final = 60
_EMA: Final = 0.997
_TEXT_NOISE: Final = 0.015


@dataclass(frozen=True)
class FlowSettings:
    """One stage of training.

    Attributes:
        seconds: wall time; the learning rate holds for 55 % of it and then falls linearly.
        matrix_lr, other_lr: peak learning rates of Muon (the blocks' matrices) and of AdamW (the rest).
        tokens: latent frames a batch.
        checkpoint_s: how often the EMA weights are written.
        most_steps: stop there even if time is left.
    """

    seconds: float
    matrix_lr: float = 2e-3
    other_lr: float = 1e-3
    tokens: int = 1024
    checkpoint_s: float = 180.0
    most_steps: int = 1_000_000


def new_model(latent_channels: int, embed_dim: int = 256, depth: int = 8) -> StableAudio3DiTModel:
    """A text-stage model: no curve yet, output zeroed so that training starts at the mean velocity."""
    channels = latent_channels * BEATS_PER_FRAME
    model = StableAudio3DiTModel(
        io_channels=channels,
        embed_dim=embed_dim,
        depth=depth,
        num_heads=embed_dim // 64,
        cond_token_dim=TEXT_DIM,
        global_cond_dim=GLOBAL_DIM,
        local_add_cond_dim=1 + channels + GRID_CHANNELS,
        timestep_features_dim=128,
        ff_mult=2.0,
        num_memory_tokens=4,
        use_differential_attention=False,
    )
    torch.nn.init.zeros_(model.proj_out.weight)
    return model


def with_curve(model: StableAudio3DiTModel) -> StableAudio3DiTModel:
    """The curve stage's model, started from the text stage's."""
    return widen_for_curve(model, CURVE_CHANNELS)


def flow_loss(
    model: StableAudio3DiTModel,
    clean: torch.Tensor,
    condition: Condition,
    unknown: torch.Tensor,
    time: torch.Tensor,
    noise: torch.Tensor,
) -> torch.Tensor:
    """Squared velocity error a piece, shape (B,), over the frames that are to be generated.

    Args:
        clean, noise: shape (B, C, F).
        unknown: shape (B, F), bool.
        time: shape (B,), 0 = data, 1 = noise.
    """
    at = time[:, None, None]
    with torch.autocast("cpu", torch.bfloat16):
        velocity = predict_velocity(model, (1 - at) * clean + at * noise, time, condition)
    error = ((velocity.float() - (noise - clean)) ** 2).mean(dim=1)
    return (error * unknown).sum(dim=1) / unknown.sum(dim=1)


def train_flow(
    model: StableAudio3DiTModel,
    data: FlowData,
    held_out: FlowData,
    settings: FlowSettings,
    checkpoint: Path,
    *,
    seed: int = 0,
    log: Callable[[str], None] = print,
) -> StableAudio3DiTModel:
    """Train ``model`` in place for ``settings.seconds``; returns (and writes to ``checkpoint``) its moving average."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    average = copy.deepcopy(model).requires_grad_(False).eval()
    optimizers = _optimizers(model.train(), settings)
    peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    probe = _validation(held_out)
    started = saved = time.monotonic()
    step, mean_loss = 0, 1.0
    while (elapsed := time.monotonic() - started) < settings.seconds and step < settings.most_steps:
        share = elapsed / settings.seconds
        level = min(1.0, (step + 1) / _WARM_UP_STEPS) * (1.0 if share < 0.55 else max(0.02, (1 - share) / 0.45))
        for optimizer, optimizer_peaks in zip(optimizers, peaks, strict=True):
            for group, peak in zip(optimizer.param_groups, optimizer_peaks, strict=True):
                group["lr"] = peak * level
        clean, condition, unknown = batch(data, settings.tokens, rng, Dropout())
        condition.text.add_(_TEXT_NOISE * torch.randn_like(condition.text))
        times = torch.sigmoid(torch.randn(len(clean)))
        for optimizer in optimizers:
            optimizer.zero_grad()
        with sdpa_kernel(SDPBackend.MATH):  # on a CPU and for so few tokens a quarter faster than the fused kernel
            loss = flow_loss(model, clean, condition, unknown, times, torch.randn_like(clean)).mean()
            loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        decay = min(_EMA, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
        mean_loss += 0.02 * (loss.item() - mean_loss)
        if step % 50 == 0:
            log(f"step {step} loss {mean_loss:.4f} held out {_held_out_loss(average, probe):.4f} {elapsed:.0f} s")
        if time.monotonic() - saved > settings.checkpoint_s:
            average.save_pretrained(checkpoint)
            saved = time.monotonic()
        step += 1
    average.save_pretrained(checkpoint)
    log(f"done after {step} steps, held out {_held_out_loss(average, probe):.4f}")
    return average


def _optimizers(model: StableAudio3DiTModel, settings: FlowSettings) -> list[torch.optim.Optimizer]:
    matrices, others, local = [], [], []
    for name, parameter in model.named_parameters():
        if "to_local_embed" in name:
            local.append(parameter)
        elif parameter.ndim == 2 and name.startswith("transformer_blocks"):
            matrices.append(parameter)
        else:
            others.append(parameter)
    muon = torch.optim.Muon(
        matrices, lr=settings.matrix_lr, weight_decay=0.01, momentum=0.95, adjust_lr_fn="match_rms_adamw", ns_steps=4
    )
    groups: list[dict[str, Any]] = [{"params": others}, {"params": local, "lr": 2 * settings.other_lr}]
    adam = torch.optim.AdamW(groups, lr=settings.other_lr, betas=(0.9, 0.98), weight_decay=0.0)
    return [muon, adam]


Probe = tuple[torch.Tensor, Condition, torch.Tensor, torch.Tensor, torch.Tensor]


def _validation(held_out: FlowData) -> Probe:
    clean, condition, unknown = batch(held_out, 2048, np.random.default_rng(7), Dropout(0, 0), window=32)
    generator = torch.Generator().manual_seed(7)
    times = (torch.arange(len(clean)) + 0.5) / len(clean)
    return clean, condition, unknown, times, torch.randn(clean.shape, generator=generator)


@torch.no_grad()
def _held_out_loss(model: StableAudio3DiTModel, probe: Probe) -> float:
    return flow_loss(model, *probe).mean().item()
