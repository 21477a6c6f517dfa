"""How many uploads are worked on at once, so that they never keep others from being answered."""

import os
from collections.abc import Callable
from threading import BoundedSemaphore
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")
_AT_ONCE: Final = 32  # they wait for the disk, the bucket or a processor
_PROBES: Final = min(max(2, len(os.sched_getaffinity(0))), 8)  # each may take 2 GiB


class Uploads:
    """Threads of their own: those of all other requests are never taken by uploads, which need seconds.

    Attributes:
        probing: to be held while a video is looked at, in a process that takes a processor.
    """

    def __init__(self) -> None:
        self.probing = BoundedSemaphore(_PROBES)
        self._threads = CapacityLimiter(_AT_ONCE)

    async def run(self, work: Callable[[], T]) -> T:
        """What ``work`` returns in one of the threads."""
        return await to_thread.run_sync(work, limiter=self._threads)
