"""Namespaces of the process's own: a network without any device, and System V IPC that nobody shares.

A mount namespace would add nothing to Landlock, and a process namespace holds only children, of which seccomp allows
none. Made while there is one thread: a user namespace cannot be made by more.
"""

import errno
from typing import Final

from model_core.media.sandbox.confinement.libc import call

_CLONE_NEWIPC: Final = 0x08000000
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000


def own_network() -> None:
    """A network namespace: not even the loopback device is up in it. OSError where the system allows none."""
    _unshare(_CLONE_NEWNET)


def own_ipc() -> None:
    """An IPC namespace. OSError where the system allows none."""
    _unshare(_CLONE_NEWIPC)


def _unshare(namespace: int) -> None:
    """Root may do it at once; another user needs a user namespace for it, where it is root over nothing else."""
    try:
        call("unshare", namespace)
    except OSError as error:
        if error.errno != errno.EPERM:
            raise
        call("unshare", _CLONE_NEWUSER | namespace)
