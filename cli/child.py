"""A launcher of commands that end with their parent: ``python -m cli.child PARENT_PID COMMAND...``.

The kernel sends the command SIGTERM when the parent dies, whatever killed it, so that `v2m up` leaves no orphans.
"""

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def command(arguments: list[str]) -> list[str]:
    """``arguments`` as a command line that ends with the process that calls this."""
    return [sys.executable, "-m", "cli.child", str(os.getpid()), *arguments]


def main(parent: int, arguments: list[str]) -> None:
    """Becomes the command; OSError when it cannot be run."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the call above
        sys.exit(1)
    os.execvp(arguments[0], arguments)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
