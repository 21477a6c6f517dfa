"""Limits of the child's memory, processor time, file size and threads."""

import errno
import os
import resource
from typing import Final

from model_core.media.types import MediaLimits

_OPEN_FILES: Final = 32
_TASKS: Final = 32  # a decoder starts two threads, and two files are open at most
_ONE_TASK, _TWO_TASKS = 1, 2


def set_limits(limits: MediaLimits) -> None:
    """Set the limits of this process; they cannot be raised again."""
    for which, amount in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(which)[1]
        allowed = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        # One second between SIGXCPU, which the caller recognizes, and SIGKILL.
        spare = 1 if which == resource.RLIMIT_CPU and (hard == resource.RLIM_INFINITY or hard > allowed) else 0
        resource.setrlimit(which, (allowed, allowed + spare))


def limit_tasks() -> None:
    """Limit this process and its children to 32 tasks, which are threads and processes together.

    The kernel counts the tasks of a user. Since Linux 5.14 it counts them separately in each user namespace, so in a
    namespace of its own the limit applies to this process only. Otherwise it also counts the caller and all else that
    this user runs: a low limit would make valid videos fail, a high one would prevent nothing. A test tells the two
    cases apart: with a limit of two tasks, a process can be started only where the caller is not counted.

    Raises:
        OSError: the limit would not apply, or would apply to others too. It is left unchanged.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    try:
        resource.setrlimit(resource.RLIMIT_NPROC, (_ONE_TASK, hard))
        if _can_start_process():
            raise OSError(errno.EPERM, "the kernel does not count the tasks of this user")
        resource.setrlimit(resource.RLIMIT_NPROC, (_TWO_TASKS, hard))
        if not _can_start_process():
            raise OSError(errno.EPERM, "the kernel counts all tasks of this user together")
    except OSError:
        resource.setrlimit(resource.RLIMIT_NPROC, (soft, hard))
        raise
    resource.setrlimit(resource.RLIMIT_NPROC, (_TASKS, _TASKS))


def _can_start_process() -> bool:
    try:
        pid = os.fork()
    except BlockingIOError:
        return False
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    return True
