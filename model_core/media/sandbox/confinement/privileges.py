"""Privileges, namespaces and resource limits of the child: no capabilities, no network, no life after the caller's.

A mount namespace would add nothing to Landlock, and a process namespace would hold only children, which seccomp
forbids. Namespaces are created while there is one thread, since a process with more cannot create a user namespace.
"""

import errno
import os
import resource
import signal
import struct
import sys
from typing import Final

from model_core.media.sandbox.confinement.libc import buffer, call
from model_core.media.types import MediaLimits

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_CAPABILITY_VERSION_3: Final = 0x20080522
_CLONE_NEWIPC: Final = 0x08000000
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_OPEN_FILES: Final = 32
_TASKS: Final = 32  # a decoder starts two threads, and two files are open at most
_ONE_TASK, _TWO_TASKS = 1, 2


def die_with_parent(parent: int) -> None:
    """Make the kernel kill this process when the thread that started it ends.

    A caller that is killed cannot end its child, and a compromised decoder could sleep forever without using processor
    time. seccomp forbids to undo this.

    Args:
        parent: process id of the caller; SystemExit where it has ended already.
    """
    call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the call above
        sys.exit(1)


def forbid_new_privileges() -> None:
    """Deny more privileges to programs that this process starts; seccomp and Landlock require it.

    Raises:
        OSError: on a kernel older than 3.5.
    """
    call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def drop_capabilities() -> None:
    """Drop all effective, permitted and inheritable capabilities, and with them the ambient ones.

    Securebits and the bounding set stay: they matter only when a program is started, which restores no capability under
    no_new_privs. The user id stays too, even root's: Landlock limits the files that it may open, and the packages may
    be unreadable for other users.
    """
    header = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0)
    call("capset", buffer(header), buffer(bytes(24)))


def unshare_network() -> None:
    """Enter a new network namespace, without even a loopback device; OSError where the system forbids it."""
    _unshare(_CLONE_NEWNET)


def unshare_ipc() -> None:
    """Enter a new System V IPC namespace; OSError where the system forbids it."""
    _unshare(_CLONE_NEWIPC)


def _unshare(namespace: int) -> None:
    """Enter a new namespace; users other than root do so in a new user namespace."""
    try:
        call("unshare", namespace)
    except OSError as error:
        if error.errno != errno.EPERM:
            raise
        call("unshare", _CLONE_NEWUSER | namespace)


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
