"""Training of the flow by rectified-flow matching: the text stage, then the curve stage from its weights.

A flow may also start from one that was trained with another vocabulary: what both contain keeps its weights.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from diffusers import StableAudio3DiTModel

from model_core.curves.event_curve import PULSE_SCALE
from model_core.encoders.minilm import TEXT_DIM
from model_core.flow.conditioning import Condition, widen_for_curve
from model_core.models.score.codec.grid import BEATS_PER_FRAME, CURVE_CHANNELS, GLOBAL_DIM, GRID_CHANNELS
from model_core.plan.plan import Vocabulary
from model_core.training.dataset import Dropout, FlowData, batch
from model_core.training.fast_flow import FastFlow
from model_core.training.loop import Run, carry_out
from model_core.training.optimization import compute_flow_losses, hold_then_fall

_EMA: Final = 0.997
_TEXT_NOISE: Final = 0.015
_EVENT_WEIGHT: Final = 2.0
_DROPOUT: Final = Dropout()
_NO_DROPOUT: Final = Dropout(0, 0, 0)


Probe = tuple[torch.Tensor, Condition, torch.Tensor, torch.Tensor, torch.Tensor]
"""Clean latents, their condition, frames to generate, times and noise; see compute_flow_losses."""
_GLOBAL: Final = "to_global_embed.0.weight"
# A style that an older vocabulary lacks starts from the nearest one that it has.
NEAREST_STYLES: Final = {
    "trailer": "cinematic", "orchestral": "cinematic", "hiphop": "lofi", "pop": "house", "rock": "synthwave",
    "funk": "house", "jazz": "lofi", "corporate": "acoustic", "latin": "acoustic", "chiptune": "synthwave",
    "comedy": "acoustic",
}  # fmt: skip
Columns = dict[tuple[str, ...], int]


@dataclass(frozen=True)
class FlowSettings:
    """Settings of the flow's training.

    Attributes:
        matrix_lr, other_lr: peak learning rates of Muon (the blocks' matrices) and of AdamW (the rest).
        tokens: latent frames of a batch.
        dropout: probabilities of withholding a condition.
        log_every: steps between the lines of the log.
    """

    matrix_lr: float = 2e-3
    other_lr: float = 1e-3
    tokens: int = 1024
    dropout: Dropout = _DROPOUT
    log_every: int = 50


def new_model(latent_channels: int, embed_dim: int = 256, depth: int = 8) -> StableAudio3DiTModel:
    """Create a text-stage model: without a curve input, output zeroed so that training starts at the mean velocity."""
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


def add_curve_input(model: StableAudio3DiTModel) -> StableAudio3DiTModel:
    """Copy the text stage's model and add the input of the curve."""
    return widen_for_curve(model, CURVE_CHANNELS)


def frame_weights(unknown: torch.Tensor, curve: torch.Tensor | None) -> torch.Tensor:
    """Weights of the frames that are to be generated, shape (B, F): 1, and up to 1 + _EVENT_WEIGHT under a peak.

    Events are few, and most of the loss is the groove between them. Where the curve is withheld, all frames are alike:
    the flow without a curve must not learn to expect events.

    Args:
        unknown: shape (B, F), bool.
        curve: as in Condition, shape (B, C_curve + 1, F), or None.
    """
    if curve is None:
        return unknown.float()
    return unknown * (1 + _EVENT_WEIGHT * curve[:, :-1].amax(dim=1) / PULSE_SCALE)


def train_flow(
    model: StableAudio3DiTModel, data: FlowData, held_out: FlowData, settings: FlowSettings, run: Run
) -> StableAudio3DiTModel:
    """Train ``model`` in place; returns its moving average, in evaluation mode.

    Raises:
        InputError, StoppedError: see carry_out.
    """
    return train_flow_on(model, lambda step: data, {"held out": build_probe(held_out)}, settings, run)


def train_flow_on(
    model: StableAudio3DiTModel,
    source: Callable[[int], FlowData],
    probes: Mapping[str, Probe],
    settings: FlowSettings,
    run: Run,
) -> StableAudio3DiTModel:
    """Train ``model`` on pieces that may change: ``source`` returns those of a step, always the same ones.

    ``probes`` are the batches of the log's held-out losses, by their names in the log.
    """
    trainee = _FlowTraining(model, source, probes, settings, run)
    carry_out(trainee, run)
    return trainee.average


class _FlowTraining:
    def __init__(
        self,
        model: StableAudio3DiTModel,
        source: Callable[[int], FlowData],
        probes: Mapping[str, Probe],
        settings: FlowSettings,
        run: Run,
    ) -> None:
        # Numbers that differ from those of the steps before, where a run begins in the middle.
        torch.manual_seed(run.seed + run.first_step)
        self.rng = np.random.default_rng(run.seed + run.first_step)
        self.log_every = settings.log_every
        self.model = model.train()
        self.average = copy.deepcopy(model).requires_grad_(False).eval()
        self._flow, self._average_flow = FastFlow(self.model), FastFlow(self.average)
        self._source, self._probes, self._settings, self._first_step = source, probes, settings, run.first_step
        self.optimizers = _optimizers(model, settings)
        self._peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in self.optimizers]
        self.modules: dict[str, torch.nn.Module] = {"model": self.model, "average": self.average}

    def step(self, step: int, share: float) -> float:
        settings = self._settings
        self._set_rates(hold_then_fall(step - self._first_step, share))
        clean, condition, unknown = batch(self._source(step), settings.tokens, self.rng, settings.dropout)
        condition.text.add_(_TEXT_NOISE * torch.randn_like(condition.text))
        times = torch.sigmoid(torch.randn(len(clean)))
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        weights = frame_weights(unknown, condition.curve)
        loss = compute_flow_losses(self._flow, clean, condition, weights, times, torch.randn_like(clean)).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        since = step - self._first_step
        decay = min(_EMA, (1 + since) / (10 + since))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - decay)
        return loss.item()

    @torch.no_grad()
    def held_out(self) -> dict[str, float]:
        """Of the moving average."""
        return {
            name: compute_flow_losses(self._average_flow, *probe).mean().item() for name, probe in self._probes.items()
        }

    def _set_rates(self, level: float) -> None:
        for optimizer, peaks in zip(self.optimizers, self._peaks, strict=True):
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * level


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


def build_probe(held_out: FlowData, dropout: Dropout = _NO_DROPOUT) -> Probe:
    """Build the batch of a held-out loss: always the same windows and noise, and times from 0 to 1 in even steps."""
    clean, condition, unknown = batch(held_out, 2048, np.random.default_rng(7), dropout, window=32)
    generator = torch.Generator().manual_seed(7)
    times = (torch.arange(len(clean)) + 0.5) / len(clean)
    return clean, condition, unknown, times, torch.randn(clean.shape, generator=generator)


def convert_vocabulary(model: StableAudio3DiTModel, old: Vocabulary, new: Vocabulary) -> StableAudio3DiTModel:
    """Copy a flow so that it takes headers of the new vocabulary.

    Of the first global layer, whose columns are the header's values, those of known styles, programs and roles move to
    their new places; unknown programs start at zero and unknown styles as in NEAREST_STYLES. A header of both
    vocabularies gives the same output as before.
    """
    config = dict(model.config)
    config["global_cond_dim"] += new.dimension - old.dimension
    grown = type(model).from_config(config)
    state = model.state_dict()
    before = state[_GLOBAL]
    after = torch.zeros(len(before), config["global_cond_dim"])
    after[:, new.dimension :] = before[:, old.dimension :]
    old_at, new_at = _columns(old), _columns(new)
    for name, column in new_at.items():
        source = old_at.get(name)
        if source is None and name[0] == "style":
            source = old_at.get(("style", NEAREST_STYLES.get(name[1], "")))
        if source is not None:
            after[:, column] = before[:, source]
    _rescale_tempo(after, before, (old, new), (old_at, new_at))
    state[_GLOBAL] = after
    grown.load_state_dict(state)
    return grown.train(model.training)


def _rescale_tempo(
    after: torch.Tensor,
    before: torch.Tensor,
    vocabularies: tuple[Vocabulary, Vocabulary],
    columns: tuple[Columns, Columns],
) -> None:
    """The same bpm has another value in another range: x_old = scale * x_new + offset.

    The layer has no bias, so the offset goes to the styles, one of which is always set.
    """
    (low, high), (new_low, new_high) = (vocabulary.bpm for vocabulary in vocabularies)
    tempo = before[:, columns[0]["scalar", "bpm"]]
    after[:, columns[1]["scalar", "bpm"]] = tempo * (new_high - new_low) / (high - low)
    offset = (new_low - low + new_high - high) / (high - low)
    for name, column in columns[1].items():
        if name[0] == "style":
            after[:, column] += offset * tempo


def _columns(vocabulary: Vocabulary) -> Columns:
    """Column of each value of Header.vector, by its name."""
    names: list[tuple[str, ...]] = [("style", style) for style in vocabulary.styles]
    if len(vocabulary.meters) > 1:
        names += [("meter", meter) for meter in vocabulary.meters]
    names += [("scalar", name) for name in ("bpm", "swing", "minor", "energy", "density")]
    for role, choices in vocabulary.programs.items():
        names += [("role", role), *(("program", role, str(program)) for program in choices)]
    return {name: column for column, name in enumerate(names)}
