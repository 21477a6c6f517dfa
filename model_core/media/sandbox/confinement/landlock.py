"""Landlock rules: only files of Python, of the loaded packages and of the C library can be opened, for reading.

The video and the result need no exception, since the caller passes them as open file descriptors. So other files of the
user and other jobs' uploads cannot be read, not even by root, and nothing can be written, created, renamed or removed.
"""

import os
import struct
import sys
from typing import Final

from model_core.media.sandbox.confinement.libc import buffer, call

_VERSION: Final = 1  # flag of landlock_create_ruleset
_PATH_BENEATH: Final = 1
_READ: Final = 0b1100  # files and folders
_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 5: 16}
"""Number of rights on files, by the ABI that added the last one."""
_TCP: Final = 0b11  # bind and connect, since ABI 4
_SCOPES: Final = 0b11  # abstract Unix sockets and signals of processes outside, since ABI 6
# glibc loads converters of encodings, and counts processors, at first use.
_SYSTEM_FOLDERS: Final = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/sys/devices/system/cpu")


def restrict() -> None:
    """Deny this process all that this kernel's Landlock can deny; OSError on a kernel without it."""
    abi = call("landlock_create_ruleset", None, 0, _VERSION)
    rights = (1 << max(count for since, count in _FILE_RIGHTS.items() if since <= abi)) - 1
    attributes = struct.pack("<QQQ", rights, _TCP, _SCOPES)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    rules = call("landlock_create_ruleset", buffer(attributes), len(attributes), 0)
    try:
        for folder in _readable_folders():
            _allow_reading(rules, folder)
        call("landlock_restrict_self", rules, 0)
    finally:
        os.close(rules)


def _readable_folders() -> set[str]:
    """Folders that Python may still import from, or read for tracebacks."""
    outermost = [module for name, module in list(sys.modules.items()) if "." not in name]
    packages = [folder for module in outermost for folder in getattr(module, "__path__", ())]
    standard_library = os.path.dirname(os.__file__)
    return {folder for folder in (*_SYSTEM_FOLDERS, standard_library, *packages) if os.path.isdir(folder)}


def _allow_reading(rules: int, folder: str) -> None:
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        call("landlock_add_rule", rules, _PATH_BENEATH, buffer(struct.pack("<Qi", _READ, descriptor)), 0)
    finally:
        os.close(descriptor)
