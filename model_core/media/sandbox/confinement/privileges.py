"""Privileges and namespaces that the child gives up. The process does not outlive its caller."""

import errno
import os
import signal
import struct
import sys
from typing import Final

from model_core.media.sandbox.confinement.libc import buffer, call

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


_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_CAPABILITY_VERSION_3: Final = 0x20080522


def end_with(parent: int) -> None:
    """From now on the kernel kills this process when the thread that started it ends, whatever ended that one.

    A caller that is killed can end nobody, and a decoder that was taken over would sleep on, which costs no processor
    time. seccomp refuses to undo it.

    Args:
        parent: the caller's process id; SystemExit where it is gone already.
    """
    call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel knew that we care
        sys.exit(1)


def gain_none() -> None:
    """From now on no program that is started has more privileges than this process; seccomp and Landlock need it too.

    Raises:
        OSError: on a kernel older than 3.5.
    """
    call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def drop_capabilities() -> None:
    """Give up every capability, effective, permitted, inheritable and with them ambient.

    Securebits and the bounding set stay as they are: they only matter when a program is started, and with
    no_new_privs that brings no capability back. The user id stays too, root's among them: the files that it may open
    are Landlock's matter, and the packages may lie where no other user may read.
    """
    header = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0)
    call("capset", buffer(header), buffer(bytes(24)))
