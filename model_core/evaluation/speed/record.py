"""What a run found, as JSON that is written anew after each cell: of a run that is cut off there is what it came to."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from model_core.evaluation.speed.cards import Card
from model_core.evaluation.speed.cells import Result
from model_core.evaluation.speed.floors import floor_of


@dataclass(frozen=True)
class Run:
    """How a run was made.

    Attributes:
        card: on which.
        dtype: of the generating networks.
        command: that was given.
        date: of the run, year-month-day.
    """

    card: Card
    dtype: torch.dtype
    command: str
    date: str

    @property
    def versions(self) -> dict[str, str]:
        """Of what the speed depends on."""
        found = {
            "Python": platform.python_version(),
            "torch": str(torch.__version__),
            "diffusers": diffusers.__version__,
            "transformers": transformers.__version__,
        }
        return {**found, "CUDA": torch.version.cuda} if torch.version.cuda else found

    @property
    def precision(self) -> str:
        """The dtype's name."""
        return str(self.dtype).removeprefix("torch.")


def write_json(run: Run, results: Sequence[Result], path: Path) -> None:
    """Write run and results; an earlier file is replaced whole."""
    told = {
        "command": run.command,
        "date": run.date,
        "card": asdict(run.card),
        "precision": run.precision,
        "versions": run.versions,
        "results": [told_of(result, run) for result in results],
    }
    write_whole(path, json.dumps(told, indent=1) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file; whoever reads it meanwhile finds the earlier one or this one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text)
    partial.replace(path)


def told_of(result: Result, run: Run) -> dict[str, Any]:
    """One result with its floor, ready for JSON; times in seconds."""
    cell = result.cell
    floor = floor_of(cell.size, cell.stage, cell.seconds, cell.batch, run.card, run.dtype)
    taken = asdict(result.taken) if result.taken else None
    return {
        "size": cell.size.name,
        "stage": cell.stage,
        "way": cell.way,
        "music_s": cell.seconds,
        "takes": cell.batch,
        "taken": taken,
        "step_s": result.step_s,
        "steps": cell.whole_steps,
        "measured_steps": result.measured_steps,
        "floor": asdict(floor),
        "reason": result.reason,
        "detail": result.detail,
    }
