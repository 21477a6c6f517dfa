"""What this process knows stays with it: keys and passwords in its environment, other people's videos in its memory."""

import ctypes
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def close_to_others() -> None:
    """Let no other process of this user, save root's, look into this one by /proc or as a debugger.

    A decoder that was taken over runs as the same user. Where the kernel has no Landlock to keep it from files, it
    could otherwise read the environment of the process that started it. Programs that this process starts are as open
    as ever, and it leaves no core dumps.
    """
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
