"""How much of memory, processor time and disk the process may use."""

import resource
from typing import Final

from model_core.media.types import MediaLimits

_OPEN_FILES: Final = 32


def set_limits(limits: MediaLimits) -> None:
    """Set this process's limits; they cannot be raised again."""
    for which, amount in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(which)[1]
        allowed = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        # One second between SIGXCPU, which the caller can tell from other deaths, and SIGKILL.
        spare = 1 if which == resource.RLIMIT_CPU and (hard == resource.RLIM_INFINITY or hard > allowed) else 0
        resource.setrlimit(which, (allowed, allowed + spare))
