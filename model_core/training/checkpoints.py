"""Checkpoints: the whole state of a stage on disk, so that a killed stage can be resumed exactly."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model_core.errors import InputError


@dataclass
class Progress:
    """Progress of a stage: steps done, seconds of wall time spent, and the running mean of its loss."""

    step: int = 0
    seconds: float = 0.0
    loss: float | None = None


def save_checkpoint(
    path: Path,
    made_of: Mapping[str, Any],
    progress: Progress,
    modules: Mapping[str, torch.nn.Module],
    optimizers: list[torch.optim.Optimizer],
    rng: np.random.Generator,
) -> None:
    """Write the state that the next step depends on; a reader finds the older checkpoint or this one, never half of it.

    ``made_of`` describes the inputs of the stage (JSON values): a stage with other inputs does not resume from here.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    state = {
        "made_of": json.dumps(made_of, sort_keys=True),
        "progress": vars(progress),
        "modules": {name: module.state_dict() for name, module in modules.items()},
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "torch_rng": torch.get_rng_state(),
        "numpy_rng": json.dumps(rng.bit_generator.state),  # its numbers have 128 bits
    }
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_progress(path: Path, made_of: Mapping[str, Any]) -> Progress:
    """Read the progress from a checkpoint.

    Raises:
        InputError: it cannot be read, or was made of something else.
    """
    return Progress(**_read_matching(path, made_of)["progress"])


def load_checkpoint(
    path: Path,
    made_of: Mapping[str, Any],
    modules: Mapping[str, torch.nn.Module],
    optimizers: list[torch.optim.Optimizer],
    rng: np.random.Generator,
) -> Progress:
    """Restore a stage, and torch's own random numbers, from a checkpoint; errors as in read_progress."""
    state = _read_matching(path, made_of)
    for name, module in modules.items():
        module.load_state_dict(state["modules"][name])
    for optimizer, kept in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(kept)
    torch.set_rng_state(state["torch_rng"])
    rng.bit_generator.state = json.loads(state["numpy_rng"])
    return Progress(**state["progress"])


def read_module(path: Path, name: str) -> tuple[dict[str, Any], Progress, dict[str, torch.Tensor]]:
    """Read from a checkpoint its ``made_of``, its progress, and the weights of one of its modules.

    Raises:
        InputError: it cannot be read.
    """
    state, made_of = _read(path)
    return made_of, Progress(**state["progress"]), state["modules"][name]


def write_network(network: Any, folder: Path) -> None:
    """Write a diffusers network's folder, whole or not at all, in place of an older one."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    network.save_pretrained(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the state and its ``made_of``.

    The file is mapped, so that a large checkpoint is not in memory twice. Writing another leaves the mapped one alone.
    """
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu", mmap=True)
        before = json.loads(state["made_of"])
    except Exception as error:  # a damaged file raises any of a dozen kinds
        cause = str(error).partition("\n")[0]
        raise InputError("--resume", f"{path} cannot be read ({cause}); begin again with --fresh", "damaged") from error
    return state, before


def _read_matching(path: Path, made_of: Mapping[str, Any]) -> dict[str, Any]:
    """Read the state; InputError when its ``made_of`` differs."""
    state, before = _read(path)
    for name in sorted(made_of.keys() | before.keys()):
        if before.get(name) != made_of.get(name):
            detail = (
                f"{path} was made with {name} {before.get(name)}, not {made_of.get(name)}; begin again with --fresh"
            )
            raise InputError("--resume", detail, "other_run")
    return state
