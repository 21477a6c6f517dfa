"""Privileges and namespaces of the child: no new privileges, no capabilities, no network, no life after the caller's.

A mount namespace would add nothing to Landlock, and a process namespace would hold only children, which seccomp
forbids. Namespaces are created while there is one thread, since a process with more cannot create a user namespace.
"""

import errno
import os
import signal
import struct
import sys
from typing import Final

from model_core.media.sandbox.confinement.libc import buffer, call

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_CAPABILITY_VERSION_3: Final = 0x20080522


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


_CLONE_NEWIPC: Final = 0x08000000
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000


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
