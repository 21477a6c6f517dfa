"""The order in which the child gives up what it may do, before it looks at the untrusted file.

Limits and no_new_privs are required. The rest depends on the kernel and on what a container's runtime lets through:
each step is tried, and the caller is told which were taken. They overlap on purpose. Where no namespace can be made,
as in most containers, seccomp refuses sockets; where there is no Landlock, seccomp still refuses to open any file for
writing.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from model_core.media.sandbox.answers import Confinement
from model_core.media.sandbox.confinement import landlock, privileges, rlimits, seccomp
from model_core.media.sandbox.confinement import privileges as namespaces
from model_core.media.types import MediaLimits


@dataclass
class Steps:
    """What was taken so far, and what was not: (means, reason)."""

    taken: list[str] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)

    def attempt(self, means: str, step: Callable[[], None]) -> None:
        try:
            step()
        except OSError as error:
            self.missing.append((means, error.strerror or str(error)))
        else:
            self.taken.append(means)


def begin(limits: MediaLimits, parent: int) -> Steps:
    """Before the large imports, which may start threads: a user namespace cannot be made by more than one.

    Args:
        limits: what may be used.
        parent: the caller's process id, with which this process ends; SystemExit where it has ended already.

    Raises:
        OSError: when the limits cannot be set or privileges cannot be ruled out; then nothing may be decoded.
    """
    privileges.end_with(parent)
    rlimits.set_limits(limits)
    privileges.gain_none()
    steps = Steps(["rlimits", "no_new_privs"])
    steps.attempt("network_namespace", namespaces.own_network)
    steps.attempt("ipc_namespace", namespaces.own_ipc)
    steps.attempt("task_limit", rlimits.limit_tasks)
    return steps


def finish(steps: Steps) -> Confinement:
    """After the imports: no capability, no file of others, no system call that a decoder does not need."""
    others = _other_threads()
    for means, step in (
        ("capabilities", privileges.drop_capabilities),
        ("landlock", landlock.restrict),
        ("seccomp", seccomp.restrict),
    ):
        if others:  # they would stay free: each of these steps binds this thread and those that it starts
            steps.missing.append((means, f"{others} other threads run already"))
        else:
            steps.attempt(means, step)
    return Confinement(tuple(steps.taken), tuple(steps.missing))


def _other_threads() -> int:
    try:
        return len(os.listdir("/proc/self/task")) - 1
    except FileNotFoundError:  # no /proc: the environment asks every library for one thread
        return 0
