"""System calls for which Python has no function."""

import ctypes
import os
from typing import Final

# Calls for which the C library has no function. From 424 on the numbers are the same on every architecture.
_NUMBERS: Final = {"landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446}
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: int | ctypes.Array[ctypes.c_char] | None) -> int:
    """Make the system call ``name`` and return its result; OSError with its errno when it fails."""
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    number = _NUMBERS.get(name)
    function = _LIBC.syscall if number else getattr(_LIBC, name)
    result = int(function(ctypes.c_long(number), *words) if number else function(*words))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)
    return result


def buffer(data: bytes) -> ctypes.Array[ctypes.c_char]:
    """Bytes of a C structure, to be passed by address."""
    return ctypes.create_string_buffer(data, len(data))
