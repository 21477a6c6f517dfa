"""How a sandbox process is confined, in its own words before it looks at a file."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

log = logging.getLogger(__name__)

MEANS: Final = (
    *("rlimits", "no_new_privs", "network_namespace", "ipc_namespace", "task_limit"),
    *("capabilities", "landlock", "seccomp"),
)
"""All that there is: the first two always hold, the others where the system allows them."""


@dataclass(frozen=True)
class Confinement:
    """By which means a sandbox process is confined on this system.

    Attributes:
        taken: the means that hold, of MEANS.
        missing: the others, each with the reason.
    """

    taken: tuple[str, ...]
    missing: tuple[tuple[str, str], ...]

    @property
    def has_no_network(self) -> bool:
        """Whether a decoder that was taken over can reach no network."""
        return bool({"network_namespace", "seccomp"} & set(self.taken))

    @property
    def has_no_files(self) -> bool:
        """Whether it can read no file but the one that it was given."""
        return "landlock" in self.taken

    @property
    def has_no_processes(self) -> bool:
        """Whether it can start no program and reach no other process."""
        return "seccomp" in self.taken

    @property
    def dangers(self) -> tuple[str, ...]:
        """What a decoder that was taken over could do here and should not, each as the end of a sentence."""
        can = (
            (self.has_no_network, "reach the network"),
            (self.has_no_files, "read every file of this user: other videos and results, keys, Redis' data"),
            (self.has_no_processes, "start programs, and end other processes of this user"),
        )
        return tuple(danger for is_shut, danger in can if not is_shut)

    def __str__(self) -> str:
        missing = ", ".join(f"{means} ({reason})" for means, reason in self.missing)
        return f"confined by {', '.join(self.taken)}" + (f"; missing: {missing}" if missing else "")


def told(taken: Iterable[Any], missing: Iterable[Any]) -> Confinement:
    """What a child's first message says; ValueError if it says anything else."""
    found = Confinement(tuple(map(str, taken)), tuple((str(means), str(reason)) for means, reason in missing))
    if {*found.taken, *(means for means, _ in found.missing)} != set(MEANS):
        raise ValueError("the sandbox told other means of confinement than there are")
    return found


@cache
def report(confinement: Confinement) -> None:
    """Log it, once for each kind of confinement that this process meets (which is one)."""
    dangers = confinement.dangers
    could = "".join(f"; a decoder that is taken over could {danger}" for danger in dangers)
    fields = {"confined_by": list(confinement.taken), "missing": dict(confinement.missing)}
    log.log(logging.WARNING if dangers else logging.INFO, "media_sandbox %s%s", confinement, could, extra=fields)
