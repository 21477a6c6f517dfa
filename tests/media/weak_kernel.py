"""A kernel that lacks or refuses some means of confinement, played by replacing the child's door to the C library."""

import errno
import os
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from model_core.media.sandbox.confinement import landlock, libc, privileges, seccomp

_MODULES: tuple[ModuleType, ...] = (landlock, privileges, seccomp)
_PRCTLS = {22: "seccomp", 38: "no_new_privs"}


def refuse(names: Sequence[str]) -> None:
    """From now on those calls fail in this process: unshare, landlock_create_ruleset, capset, seccomp, no_new_privs."""

    def call(name: str, *arguments: Any) -> int:
        asked = _PRCTLS.get(arguments[0], name) if name == "prctl" else name
        if asked in names:
            raise OSError(errno.EPERM if asked == "unshare" else errno.ENOSYS, "not on this kernel", asked)
        return libc.call(name, *arguments)

    for module in _MODULES:
        module.call = call  # type: ignore[attr-defined]


def become(uid: int) -> None:
    """Go on as another user, once everything is imported that the other may not read.

    It goes on in a child of a process of that user, as a sandbox is one, which waits for it.
    """
    from model_core.media.operations import audio, frames, mux, probe

    assert all((frames, probe, mux, audio))
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    if child := os.fork():
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
