"""A worker's name says where it runs, so that a later one on the same machine can tell that it is gone."""

import hashlib
import os
import socket
from functools import cache
from pathlib import Path
from typing import Final
from uuid import uuid4

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE: Final = Path("/proc/self/ns/pid")


@cache
def machine() -> str:
    """Twelve hexadecimal digits for this boot of this machine and this container's process numbers.

    The host name is not enough: two containers may share it and still count their processes apart.
    """
    if _BOOT_ID.exists() and _PID_NAMESPACE.is_symlink():
        marks = _BOOT_ID.read_text().strip() + os.readlink(_PID_NAMESPACE)
    else:
        marks = socket.gethostname()
    return hashlib.sha256(marks.encode()).hexdigest()[:12]


def new_name() -> str:
    """A name for the worker in this process: machine, process number, and a part that no other worker has."""
    return f"{machine()}-{os.getpid()}-{uuid4().hex[:8]}"


def process_of(name: str) -> int | None:
    """The process number in a worker's name when it runs on this machine, otherwise None."""
    parts = name.split("-")
    return int(parts[1]) if len(parts) == 3 and parts[0] == machine() and parts[1].isdigit() else None


def is_gone(name: str, own_name: str) -> bool:
    """True when the worker ran on this machine and its process has ended. False also means: cannot be told from here.

    A process number equal to our own belongs to a predecessor: in a container every worker is process 1.
    """
    process = process_of(name)
    if process is None or name == own_name:
        return False
    return process == os.getpid() or not _runs(process)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
