"""Limits on memory, processor time, disk and threads of the child process."""

import errno
import os
import resource
from typing import Final

from model_core.media.types import MediaLimits

_OPEN_FILES: Final = 32
_TASKS: Final = 32  # a decoder starts two threads, and two files are open at most
_ALONE, _WITH_ONE_MORE = 1, 2


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


def limit_tasks() -> None:
    """Let this process and all that it starts be 32 tasks at most: threads and processes together.

    The kernel counts the tasks of a user. Since Linux 5.14 it counts them in each user namespace by themselves, so in
    one of its own the limit is this process's alone. Elsewhere it would also count the caller and whatever else this
    user runs: set low it would make sound videos fail as soon as others grow, set high it would stop nothing. Which of
    the two it is shows itself: with a limit of two a process can only be started where the caller is not counted.

    Raises:
        OSError: where the limit would not hold, or would hold for others too. It is left as it was.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    try:
        resource.setrlimit(resource.RLIMIT_NPROC, (_ALONE, hard))
        if _can_start_one():
            raise OSError(errno.EPERM, "the kernel does not count the tasks of this user")
        resource.setrlimit(resource.RLIMIT_NPROC, (_WITH_ONE_MORE, hard))
        if not _can_start_one():
            raise OSError(errno.EPERM, "the kernel counts all tasks of this user together")
    except OSError:
        resource.setrlimit(resource.RLIMIT_NPROC, (soft, hard))
        raise
    resource.setrlimit(resource.RLIMIT_NPROC, (_TASKS, _TASKS))


def _can_start_one() -> bool:
    try:
        pid = os.fork()
    except BlockingIOError:
        return False
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    return True
