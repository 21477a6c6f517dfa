"""Fit the prompt planner: headers of the corpus from the embeddings of their captions."""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from model_core.codecs.score.header import BPM_RANGE, PROGRAMS, STYLES, Header
from model_core.codecs.score.vocabulary import METERS
from model_core.planner.network import SCALARS, PromptPlanner

_BATCH: Final = 512
_NOISE: Final = 0.02
_UNSAID: Final = 0.1

FloatArray = NDArray[np.float32]


def targets_of(headers: list[Header]) -> dict[str, torch.Tensor]:
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
    given = planner.given_style(pooled, targets["style"])
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


def train_planner(
    headers: list[Header], pooled: FloatArray, empty: FloatArray, *, steps: int, seed: int = 0
) -> PromptPlanner:
    """A fitted planner.

    Args:
        headers: of P pieces.
        pooled: embeddings of K captions each, shape (P, K, TEXT_DIM).
        empty: embedding of the empty prompt, shape (TEXT_DIM,), said of any piece now and then.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    planner: PromptPlanner = PromptPlanner()
    planner.train()
    targets = targets_of(headers)
    optimizer = torch.optim.AdamW(planner.parameters(), 2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for _ in range(steps):
        piece = rng.integers(0, len(headers), _BATCH)
        said = pooled[piece, rng.integers(0, pooled.shape[1], _BATCH)]
        said[rng.random(_BATCH) < _UNSAID] = empty
        prompt = torch.from_numpy(said)
        prompt = functional.normalize(prompt + _NOISE * torch.randn_like(prompt), dim=1)
        loss = planner_loss(planner, prompt, {name: values[piece] for name, values in targets.items()})
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    planner.eval()
    return planner
