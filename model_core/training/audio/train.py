"""Fine-tuning of an audio model's transformer on the event curve, on one device or on many alike."""

import math
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import StableAudio3DiTModel

from model_core.errors import InputError
from model_core.training.audio.examples import Batch, Pool, Reader, create_rng, draw
from model_core.training.audio.report import HeldOut
from model_core.training.audio.validation import FollowingCheck, Validation
from model_core.training.audio.weights import LOCAL, Average
from model_core.training.optimization import compute_flow_losses, hold_then_fall

LORA_RATE: Final = 1e-4
FULL_RATE: Final = 5e-5
HIGHEST_RATE: Final = 1.0


@dataclass(frozen=True)
class FineTuneSettings:
    """See docs/models.md; InputError for a learning rate that cannot be meant.

    Attributes:
        seconds: of a crop.
        lora: rank of the adapters; 0 trains all weights.
        batch: crops at once on each device.
        accumulate: batches a step.
        learning_rate: the highest; None = LORA_RATE, or FULL_RATE for all weights.
        precision: see Runtime; trained weights are float32 in any case.
        checkpointing: compute activations twice instead of keeping them.
        validate_every: steps between held-out losses.
        listen_every: steps at least between takes that are listened to; 0 = never.
    """

    seconds: float = 30.0
    lora: int = 16
    batch: int = 8
    accumulate: int = 1
    learning_rate: float | None = None
    precision: str = "auto"
    checkpointing: bool = False
    validate_every: int = 250
    listen_every: int = 2000

    def __post_init__(self) -> None:
        if not 0 < self.rate <= HIGHEST_RATE:
            detail = f"{self.rate:g} is none; it must be above 0 and at most {HIGHEST_RATE:g}"
            raise InputError("--learning-rate", detail, "out_of_range")

    @property
    def rate(self) -> float:
        """The highest learning rate."""
        if self.learning_rate is not None:
            return self.learning_rate
        return LORA_RATE if self.lora else FULL_RATE


_LOCAL_RATE: Final = 2.0
"""The local input's learning rate over the others': the curve's columns start from nothing."""
_LARGEST_GRADIENT: Final = 1.0


class FineTuning:
    """The trainee of the loop; see training.loop.Trainee."""

    def __init__(
        self,
        transformer: StableAudio3DiTModel,
        trained: Mapping[str, torch.nn.Parameter],
        pool: Pool,
        reader: Reader,
        settings: FineTuneSettings,
        seed: int,
        accelerator: Accelerator,
        validation: Validation,
        listening: FollowingCheck | None,
    ) -> None:
        self.log_every = settings.validate_every
        self.average = Average(trained.values())
        self.optimizers: list[torch.optim.Optimizer] = [_optimizer(trained, settings.rate)]
        parameters = torch.nn.ParameterList(trained.values())
        self.modules: dict[str, torch.nn.Module] = {"trained": parameters, "average": self.average}
        self.rng = np.random.default_rng(seed)  # the loop keeps it; steps have their own, see create_rng
        self._names = list(trained)
        self._parameters = list(trained.values())
        self._local = [parameter for name, parameter in trained.items() if LOCAL in name]
        self._pool, self._reader, self._settings = pool, reader, settings
        self._frames, self._seed = reader.to_frames(settings.seconds), seed
        self._accelerator = accelerator
        self._transformer, self._model = transformer, accelerator.prepare(transformer)
        self._validation, self._listening = validation, listening
        self._done = 0

    def step(self, step: int, share: float) -> float:
        """See Trainee.step; the loss is that of this process's own examples.

        Raises:
            InputError: the loss or its gradient is not finite; the weights are as they were before.
        """
        settings, (optimizer,) = self._settings, self.optimizers
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * hold_then_fall(step, share)
        rng = create_rng(self._seed, self._accelerator.process_index, step)
        total = torch.zeros((), device=self._reader.device)
        for part in range(settings.accumulate):
            batch = draw(self._pool, self._reader, settings.batch, self._frames, rng)
            is_last = part == settings.accumulate - 1
            # The processes' gradients are averaged once a step.
            with nullcontext() if is_last else self._accelerator.no_sync(self._model):
                loss = self._loss(batch) / settings.accumulate
                self._accelerator.backward(loss)
            total += loss.detach()
        loss_here = float(total)
        # The gradient is the same in all processes, so that all of them end here.
        norm = float(torch.nn.utils.clip_grad_norm_(self._parameters, _LARGEST_GRADIENT))
        if not (math.isfinite(loss_here) and math.isfinite(norm)):
            detail = f"{settings.rate:g} is too high: at step {step} the loss or its gradient is not finite any more"
            raise InputError("--learning-rate", detail, "diverged")
        optimizer.step()
        optimizer.zero_grad()
        self.average.update(step)
        self._done = step + 1
        return loss_here

    def held_out(self) -> Mapping[str, float]:
        """Of the moving average, on the first process alone; see Trainee.held_out."""
        if not self._accelerator.is_main_process:
            return {}
        with self.average.in_place():
            figures = self._validation.losses(self._transformer).means()
            if self._listening is not None and self._done % self._settings.listen_every < self.log_every:
                figures |= self._listening.figures()
        return figures

    def final(self) -> tuple[HeldOut, Mapping[str, float]]:
        """Held-out losses of the moving average, item by item, and what is heard where somebody listens."""
        with self.average.in_place():
            losses = self._validation.losses(self._transformer)
            return losses, {} if self._listening is None else self._listening.figures()

    def averaged(self) -> dict[str, torch.Tensor]:
        """The moving average by the parameters' names, on the CPU."""
        return {name: weight.detach().cpu() for name, weight in zip(self._names, self.average, strict=True)}

    def _loss(self, batch: Batch) -> torch.Tensor:
        losses = compute_flow_losses(self._model, batch.clean, batch.condition, batch.unknown, batch.time, batch.noise)
        if batch.condition.local is not None:
            return losses.mean()
        # Plain text-to-audio passes the local input by; averaging over processes needs a gradient of every weight.
        return losses.mean() + 0.0 * torch.stack([parameter.sum() for parameter in self._local]).sum()


def _optimizer(trained: Mapping[str, torch.nn.Parameter], rate: float) -> torch.optim.Optimizer:
    others = [parameter for name, parameter in trained.items() if LOCAL not in name]
    local = [parameter for name, parameter in trained.items() if LOCAL in name]
    groups: list[dict[str, Any]] = [
        {"params": others, "peak": rate},
        {"params": local, "peak": _LOCAL_RATE * rate},
    ]
    # No decay: a short training must not shrink what was learnt before it.
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99), weight_decay=0.0)
