"""What a card can do at most: from its data sheet where it is known, otherwise measured in the same run."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch

from model_core.errors import InputError

_SHEET: Final = "data sheet"
_RUNS: Final = 10
_ROWS: Final = {"cuda": 8192, "cpu": 512}
_COPIED: Final = {"cuda": 2**30, "cpu": 2**24}
_NVIDIA: Final = {
    # Dense bf16 products and memory, of the SXM boards. Boards of the same name with less have other markings.
    "H100": ("NVIDIA H100 80GB HBM3", 989e12, 3.35e12),
    "H200": ("NVIDIA H200", 989e12, 4.8e12),
    "A100": ("NVIDIA A100-SXM4-80GB", 312e12, 2.0e12),
}


@dataclass(frozen=True)
class Card:
    """A processor's limits.

    Attributes:
        name: as torch calls it.
        operations: a second, in matrix products of the precision that is used.
        bandwidth: of its memory, bytes a second, read and written together.
        source: where they are from.
        reached: operations and bytes a second of a large product and a large copy in this run; None = not run.
    """

    name: str
    operations: float
    bandwidth: float
    source: str
    reached: tuple[float, float] | None = None


def named_card(name: str) -> Card:
    """A card by the short name of its data sheet, for floors without one at hand; InputError for an unknown one."""
    if name not in _NVIDIA:
        raise InputError("card", f"is none of {', '.join(_NVIDIA)}: {name}", "not_supported")
    full, operations, bandwidth = _NVIDIA[name]
    return Card(full, operations, bandwidth, _SHEET)


def card_of(device: torch.device, dtype: torch.dtype) -> Card:
    """The card behind a device; what it reaches in a large product and a large copy is measured."""
    reached = _product_rate(device, dtype), _copy_rate(device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    for full, operations, bandwidth in _NVIDIA.values():
        if name == full and dtype == torch.bfloat16:
            return Card(name, operations, bandwidth, _SHEET, reached)
    return Card(name, *reached, "measured in this run", reached)


def _product_rate(device: torch.device, dtype: torch.dtype) -> float:
    rows = _ROWS[device.type]
    left, right = (torch.randn(rows, rows, device=device, dtype=dtype) for _ in range(2))
    return 2 * rows**3 / _fastest(device, lambda: torch.mm(left, right))


def _copy_rate(device: torch.device) -> float:
    values = torch.ones(_COPIED[device.type], device=device, dtype=torch.uint8)
    target = torch.empty_like(values)
    return 2 * len(values) / _fastest(device, lambda: target.copy_(values))


def _fastest(device: torch.device, run: Callable[[], object]) -> float:
    taken = []
    for _ in range(_RUNS):
        _wait(device)
        start = time.perf_counter()
        run()
        _wait(device)
        taken.append(time.perf_counter() - start)
    return min(taken)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
