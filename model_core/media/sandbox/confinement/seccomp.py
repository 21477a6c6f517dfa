"""A seccomp filter: the kernel refuses the system calls that a decoder never needs.

It is a list of what is refused, with a ceiling, and not one of what is allowed. An allow list would have to name
every call that any C library, allocator, BLAS or FFmpeg build makes on any kernel, and one that it forgot would break
decoding on a machine that nobody here has seen. What new kernels add is not let in for that: numbers above the newest
call that was looked at are answered as an older kernel would, with ENOSYS, which C libraries are made for. That also
answers the x32 calls, whose numbers start at 2^30. Calls of another architecture (such as those of 32-bit x86, whose
numbers mean other things) end the process.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Mapping
from typing import Final

from model_core.media.sandbox.confinement.libc import buffer, call
from model_core.media.sandbox.confinement.seccomp_rules import LAST_KNOWN, REFUSED, UNKNOWN, Numbers, Rule, rules

_PR_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2
_ARCHITECTURES: Final = {"x86_64": (0, 0xC000_003E), "aarch64": (1, 0xC000_00B7)}  # column of Numbers, AUDIT_ARCH
_KILL, _ERRNO, _ALLOW = 0x8000_0000, 0x0005_0000, 0x7FFF_0000
_LOAD, _EQUAL, _ABOVE, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06  # BPF on 32-bit words
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16  # in struct seccomp_data


def restrict() -> None:
    """Load the filter for this process. OSError where the kernel takes none, or the architecture is not known here."""
    code = program(platform.machine(), os.getpid())
    instructions = buffer(code)
    header = struct.pack("@HP", len(code) // 8, ctypes.addressof(instructions))
    call("prctl", _PR_SET_SECCOMP, _MODE_FILTER, buffer(header), 0, 0)


def program(machine: str, pid: int) -> bytes:
    """The filter as BPF instructions of eight bytes. Every block ends in an answer or falls through to the next."""
    if machine not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no list of system calls for {machine}", "seccomp")
    column, architecture = _ARCHITECTURES[machine]
    code = [
        _step(_LOAD, _ARCHITECTURE_AT),
        _step(_EQUAL, architecture, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
        _step(_ABOVE, LAST_KNOWN, 0, 1),
        _refuse("ENOSYS"),
    ]
    for rule in rules(pid):
        if (number := rule.numbers[column]) is not None:
            answer = _look(rule)
            code += [_step(_EQUAL, number, 0, len(answer)), *answer]
    for number in _numbers(UNKNOWN, column):
        code += [_step(_EQUAL, number, 0, 1), _refuse("ENOSYS")]
    for number in _numbers(REFUSED, column):
        code += [_step(_EQUAL, number, 0, 1), _refuse("EPERM")]
    return b"".join((*code, _step(_RETURN, _ALLOW)))


def _look(rule: Rule) -> list[bytes]:
    """Instructions that answer one call by its argument."""
    code = [_step(_LOAD, _ARGUMENTS_AT + 8 * rule.argument)]
    for value in rule.only:
        code += [_step(_EQUAL, value, 0, 1), _step(_RETURN, _ALLOW)]
    if rule.only:
        return [*code, _refuse(rule.error)]
    if rule.needs:
        code += [_step(_ANY_BIT, rule.needs, 1, 0), _refuse(rule.error)]
    return [*code, _step(_ANY_BIT, rule.without, 0, 1), _refuse(rule.error), _step(_RETURN, _ALLOW)]


def _numbers(calls: Mapping[str, Numbers], column: int) -> list[int]:
    return [number for numbers in calls.values() if (number := numbers[column]) is not None]


def _refuse(error: str) -> bytes:
    return _step(_RETURN, _ERRNO | getattr(errno, error))


def _step(operation: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One instruction; the jumps say how many of the next ones are left out."""
    return struct.pack("=HBBI", operation, if_true, if_false, operand)
