"""What processes that train together agree on: their number, where they begin, and when they stop."""

import os
from datetime import timedelta
from typing import Final, TypeVar

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
from accelerate.utils import broadcast_object_list, gather_object

from model_core.errors import InputError

T = TypeVar("T")

_LONGEST_WAIT: Final = timedelta(days=2)  # of the other processes for the one that validates, listens and writes
_NUMBER: Final = "WORLD_SIZE"  # where launchers tell how many there are


def together(dtype: torch.dtype) -> Accelerator:
    """The processes that a launcher started, or this one alone; on GPUs, or on CPUs where torch sees no GPU.

    Raises:
        InputError: not all that were started are found; they would train against each other.
    """
    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(),
        mixed_precision="bf16" if dtype is torch.bfloat16 else "no",
        kwargs_handlers=[
            InitProcessGroupKwargs(timeout=_LONGEST_WAIT),
            DistributedDataParallelKwargs(gradient_as_bucket_view=True),
        ],
    )
    started = os.environ.get(_NUMBER)
    if started and started != str(accelerator.num_processes):
        detail = f"is {started}, but {accelerator.num_processes} of them train together"
        raise InputError(_NUMBER, detail, "processes")
    return accelerator


def leaders(value: T) -> T:
    """The main process's value, in all of them."""
    values = [value]
    broadcast_object_list(values)
    return values[0]


def check_same_step(step: int) -> None:
    """InputError, in all processes, unless all of them go on from the same step."""
    if len(set(gather_object([step]))) > 1:
        raise InputError("--work", "the processes do not see the same folder", "processes")


def all_stop(accelerator: Accelerator, stop: bool) -> bool:
    """Whether any process has to stop: then all do."""
    if accelerator.num_processes == 1:
        return stop
    wishes = accelerator.reduce(torch.tensor(float(stop), device=accelerator.device), "sum")
    return bool(wishes.item() > 0)
