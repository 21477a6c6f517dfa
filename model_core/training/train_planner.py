"""Fit of the prompt planner: headers of the corpus from the embeddings of their captions."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from model_core.models.score.planner.network import SCALARS, PromptPlanner
from model_core.plan.plan import BPM_RANGE, METERS, PROGRAMS, STYLES, Header
from model_core.training.loop import Run, carry_out
from model_core.training.optimization import set_one_cycle

_BATCH: Final = 512
_PEAK_LR: Final = 2e-3
_NOISE: Final = 0.04
_UNSAID: Final = 0.1

FloatArray = NDArray[np.float32]


def build_targets(headers: list[Header]) -> dict[str, torch.Tensor]:
    """Training targets by name, each shape (P,)."""
    low, high = BPM_RANGE
    targets = {
        "style": torch.tensor([STYLES.index(h.style) for h in headers]),
        "minor": torch.tensor([float(h.minor) for h in headers]),
        "bpm": torch.tensor([(h.bpm - low) / (high - low) for h in headers]),
    }
    for name in ("swing", "energy", "density"):
        targets[name] = torch.tensor([float(getattr(h, name)) for h in headers])
    targets["meter"] = torch.tensor([list(METERS).index(h.meter) for h in headers])
    for role, choices in PROGRAMS.items():
        targets[role] = torch.tensor([float(role in h.parts) for h in headers])
        targets[f"{role}_program"] = torch.tensor([choices.index(h.programs[role]) for h in headers])
    return targets


def planner_loss(planner: PromptPlanner, pooled: torch.Tensor, targets: dict[str, torch.Tensor]) -> torch.Tensor:
    """Negative log likelihood of headers given prompts (B, TEXT_DIM), up to constants; programs count where played."""
    loss = functional.cross_entropy(planner.style_logits(pooled), targets["style"])
    given = planner.predict_header(pooled, targets["style"])
    loss = loss + functional.binary_cross_entropy_with_logits(given["minor"][:, 0], targets["minor"])
    for name in SCALARS:
        mean, log_deviation = given[name].unbind(dim=1)
        log_deviation = log_deviation.clamp(-4, 1)
        loss = loss + 0.5 * (((targets[name] - mean) / log_deviation.exp()) ** 2).mean() + log_deviation.mean()
    loss = loss + functional.cross_entropy(given["meter"], targets["meter"])
    for role in PROGRAMS:
        loss = loss + functional.binary_cross_entropy_with_logits(given[role][:, 0], targets[role])
        program = functional.cross_entropy(given[f"{role}_program"], targets[f"{role}_program"], reduction="none")
        loss = loss + (program * targets[role]).mean()
    return loss


@dataclass(frozen=True)
class PlannerData:
    """Training data of the planner.

    Attributes:
        headers: of P pieces.
        pooled: embeddings of K captions each, shape (P, K, TEXT_DIM).
        empty: embedding of the empty prompt, shape (TEXT_DIM,), which now and then replaces a caption.
    """

    headers: list[Header]
    pooled: FloatArray
    empty: FloatArray

    def part(self, pieces: slice) -> "PlannerData":
        """Some of the pieces."""
        return PlannerData(self.headers[pieces], self.pooled[pieces], self.empty)


def train_planner(data: PlannerData, held_out: PlannerData, run: Run) -> PromptPlanner:
    """Fit a planner and return it in evaluation mode.

    Raises:
        InputError, StoppedError: see carry_out.
    """
    trainee = _PlannerTraining(data, held_out, run.seed)
    carry_out(trainee, run)
    trainee.planner.eval()
    return trainee.planner


class _PlannerTraining:
    log_every: int = 100

    def __init__(self, data: PlannerData, held_out: PlannerData, seed: int) -> None:
        torch.manual_seed(seed)
        self.planner: PromptPlanner = PromptPlanner()
        self.planner.train()
        self._data, self._targets = data, build_targets(data.headers)
        self._probe = torch.from_numpy(held_out.pooled[:, 0]), build_targets(held_out.headers)
        self._adam = torch.optim.AdamW(self.planner.parameters(), _PEAK_LR, weight_decay=0.02, betas=(0.9, 0.999))
        self.modules: dict[str, torch.nn.Module] = {"planner": self.planner}
        self.optimizers: list[torch.optim.Optimizer] = [self._adam]
        self.rng = np.random.default_rng(seed)

    def step(self, step: int, share: float) -> float:
        set_one_cycle(self._adam, _PEAK_LR, share)
        piece = self.rng.integers(0, len(self._data.headers), _BATCH)
        said = self._data.pooled[piece, self.rng.integers(0, self._data.pooled.shape[1], _BATCH)]
        said[self.rng.random(_BATCH) < _UNSAID] = self._data.empty
        prompt = torch.from_numpy(said)
        prompt = functional.normalize(prompt + _NOISE * torch.randn_like(prompt), dim=1)
        loss = planner_loss(self.planner, prompt, {name: values[piece] for name, values in self._targets.items()})
        self._adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._adam.step()
        return loss.item()

    @torch.no_grad()
    def held_out(self) -> float:
        self.planner.eval()
        loss = planner_loss(self.planner, *self._probe).item()
        self.planner.train()
        return loss
