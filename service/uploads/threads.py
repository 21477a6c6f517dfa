"""Threads of uploads, separate from those of other requests."""

import os
from collections.abc import Callable
from threading import BoundedSemaphore
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")
_AT_ONCE: Final = 32  # they wait for the disk, the bucket or a CPU
_PROBES: Final = min(max(2, len(os.sched_getaffinity(0))), 8)  # each may take 2 GiB


class Uploads:
    """Uploads take seconds, so they must not use the threads of other requests.

    Attributes:
        probing: to be held while a video is probed, in a process that uses a CPU.
    """

    def __init__(self) -> None:
        self.probing = BoundedSemaphore(_PROBES)
        self._threads = CapacityLimiter(_AT_ONCE)

    async def run(self, work: Callable[[], T]) -> T:
        """Runs ``work`` in one of the threads and returns its result."""
        return await to_thread.run_sync(work, limiter=self._threads)
