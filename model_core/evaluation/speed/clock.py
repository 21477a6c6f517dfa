"""Taking the time of what runs on a device: CUDA events there, the clock here, and the most memory that was held."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch

_RUNS: Final = 5


class Clock:
    """Marks moments in the work of a device without holding it up, and tells afterwards how far apart they were."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cuda = device.type == "cuda"
        self._marks: list[float | torch.cuda.Event] = []

    def wait(self) -> None:
        """Until all that was given to the device is done."""
        if self._cuda:
            torch.cuda.synchronize(self._device)

    def start(self) -> None:
        """The first mark; those of a run that broke off are forgotten."""
        self.forget()
        self.mark()

    def forget(self) -> None:
        """As if there had been no mark."""
        self._marks = []

    def mark(self) -> None:
        """The moment at which all work that was given to the device so far is done."""
        if self._cuda:
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record(torch.cuda.current_stream(self._device))
            self._marks.append(event)
        else:
            self._marks.append(time.perf_counter())

    def seconds(self) -> list[float]:
        """Times between the marks in order; waits for the last, and forgets them."""
        self.wait()
        marks, self._marks = self._marks, []
        return [_between(earlier, later) for earlier, later in pairwise(marks)]


@dataclass(frozen=True)
class Taken:
    """What was measured.

    Attributes:
        seconds: the median run.
        runs: that were measured.
        first_s: the run that warms up and compiles; among them only where it took so long that there was no other.
        memory_bytes: most that torch had handed out during the runs, weights included; None on a CPU.
    """

    seconds: float
    runs: int
    first_s: float
    memory_bytes: int | None


def take_time(
    device: torch.device, run: Callable[[], float], limit_s: float, warm: Callable[[], object] | None = None
) -> Taken:
    """Run ``warm`` once, then ``run`` five times, or as often as ``limit_s`` seconds let, at least once.

    ``run`` gives back how long the part of it took that counts; its results must not outlive it. Where ``warm`` is not
    given it is ``run``, too; if that takes twice the limit, it is all that is run.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    clock = Clock(device)
    start = time.perf_counter()
    taken = []
    if warm is None:
        taken.append(run())
    else:
        warm()
    clock.wait()
    first_s = time.perf_counter() - start
    long = first_s >= 2 * limit_s
    if not long:
        taken.clear()
    start = time.perf_counter()
    while not (long and taken) and len(taken) < _RUNS and (not taken or time.perf_counter() - start < limit_s):
        taken.append(run())
    memory = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    return Taken(sorted(taken)[len(taken) // 2], len(taken), first_s, memory)


def free_memory(device: torch.device) -> None:
    """Give back what nothing refers to any more, so that one measurement does not take another's memory."""
    if device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()


def _between(earlier: float | torch.cuda.Event, later: float | torch.cuda.Event) -> float:
    if isinstance(earlier, torch.cuda.Event) and isinstance(later, torch.cuda.Event):
        return float(earlier.elapsed_time(later)) / 1000
    assert isinstance(earlier, float)
    assert isinstance(later, float)
    return later - earlier
