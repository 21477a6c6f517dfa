"""Confinement of the sandbox process: the report that it sends before it reads a file."""

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
"""All means of confinement. The first two always hold, the others where the system allows them."""


@dataclass(frozen=True)
class Confinement:
    """Confinement of a sandbox process on this system.

    Attributes:
        taken: the means that hold, of MEANS.
        missing: the other means, each with the reason.
    """

    taken: tuple[str, ...]
    missing: tuple[tuple[str, str], ...]

    @property
    def has_no_network(self) -> bool:
        """True where a compromised decoder cannot reach the network."""
        return bool({"network_namespace", "seccomp"} & set(self.taken))

    @property
    def has_no_files(self) -> bool:
        """True where it can read only the file that it was given."""
        return "landlock" in self.taken

    @property
    def has_no_processes(self) -> bool:
        """True where it cannot start programs or reach other processes."""
        return "seccomp" in self.taken

    @property
    def dangers(self) -> tuple[str, ...]:
        """Harm that a compromised decoder could do on this system, each as a verb phrase."""
        can = (
            (self.has_no_network, "reach the network"),
            (self.has_no_files, "read all files of this user: other videos and results, keys, Redis' data"),
            (self.has_no_processes, "start programs, and end other processes of this user"),
        )
        return tuple(danger for is_shut, danger in can if not is_shut)

    def __str__(self) -> str:
        missing = ", ".join(f"{means} ({reason})" for means, reason in self.missing)
        return f"confined by {', '.join(self.taken)}" + (f"; missing: {missing}" if missing else "")


def parse_confinement(taken: Iterable[Any], missing: Iterable[Any]) -> Confinement:
    """Read the fields of a child's first message; ValueError if they are invalid."""
    found = Confinement(tuple(map(str, taken)), tuple((str(means), str(reason)) for means, reason in missing))
    if {*found.taken, *(means for means, _ in found.missing)} != set(MEANS):
        raise ValueError("the sandbox reported unknown means of confinement")
    return found


@cache
def log_confinement(confinement: Confinement) -> None:
    """Log the confinement, once per process and kind of confinement."""
    dangers = confinement.dangers
    could = "".join(f"; a compromised decoder could {danger}" for danger in dangers)
    fields = {"confined_by": list(confinement.taken), "missing": dict(confinement.missing)}
    log.log(logging.WARNING if dangers else logging.INFO, "media_sandbox %s%s", confinement, could, extra=fields)
