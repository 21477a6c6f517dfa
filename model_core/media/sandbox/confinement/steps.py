"""Steps of the confinement, in the order in which the child takes them before it reads the untrusted file.

Limits and no_new_privs are required. The other steps depend on the kernel and on the runtime of a container: each is
tried, and the caller gets a list of those that succeeded. They overlap on purpose. Where namespaces are forbidden,
as in most containers, seccomp refuses sockets; without Landlock, it still refuses to open files for writing.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from model_core.media.sandbox.confinement import Confinement, landlock, privileges, seccomp
from model_core.media.types import MediaLimits


@dataclass
class Steps:
    """Steps that succeeded, and those that failed with the reason, as (means, reason)."""

    taken: list[str] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)

    def attempt(self, means: str, step: Callable[[], None]) -> None:
        """Take a step and record whether it succeeded."""
        try:
            step()
        except OSError as error:
            self.missing.append((means, error.strerror or str(error)))
        else:
            self.taken.append(means)


def begin(limits: MediaLimits, parent: int) -> Steps:
    """Take the steps before the large imports. These may start threads, and then no user namespace can be created.

    Args:
        limits: resource limits.
        parent: process id of the caller, with which this process ends; SystemExit where it has ended already.

    Raises:
        OSError: limits or no_new_privs cannot be set; then nothing may be decoded.
    """
    privileges.die_with_parent(parent)
    privileges.set_limits(limits)
    privileges.forbid_new_privileges()
    steps = Steps(["rlimits", "no_new_privs"])
    steps.attempt("network_namespace", privileges.unshare_network)
    steps.attempt("ipc_namespace", privileges.unshare_ipc)
    steps.attempt("task_limit", privileges.limit_tasks)
    return steps


def finish(steps: Steps) -> Confinement:
    """Take the steps after the imports: drop capabilities, and restrict files and system calls."""
    others = _other_threads()
    for means, step in (
        ("capabilities", privileges.drop_capabilities),
        ("landlock", landlock.restrict),
        ("seccomp", seccomp.restrict),
    ):
        if others:  # these steps apply only to this thread and those that it starts
            steps.missing.append((means, f"{others} other threads are already running"))
        else:
            steps.attempt(means, step)
    return Confinement(tuple(steps.taken), tuple(steps.missing))


def _other_threads() -> int:
    try:
        return len(os.listdir("/proc/self/task")) - 1
    except FileNotFoundError:  # no /proc; the environment limits every library to one thread
        return 0
