"""A supervisor of processes: starts them, restarts those that die or are stuck, and stops all of them.

Run as ``python -m cli.supervisor PARENT_PID COMMAND...`` it becomes a command that ends with its parent.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

Say = Callable[[str], None]
_FIRST_DELAY_S: Final = 0.5
_LONGEST_DELAY_S: Final = 30.0
_PR_SET_PDEATHSIG: Final = 1
_LONGEST_STEP_S: Final = 5.0  # between two checks of a watchdog
_STEADY_S: Final = 60.0  # a process that lived this long starts again without delay


@dataclass
class Service:
    """A process that should always run, in a process group of its own."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    pass_fds: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    started_at: float = field(default=0.0, init=False)
    start_again_at: float = field(default=0.0, init=False)
    failures: int = field(default=0, init=False)

    @property
    def pid(self) -> int | None:
        """The process number while it runs."""
        return self.process.pid if self.process else None

    def start(self) -> None:
        """Starts the process; its standard output goes to our standard error, which is for logs."""
        # A group of its own: Ctrl-C in the terminal reaches only us, and we stop all in order.
        self.process = subprocess.Popen(
            wrap_command([*self.command]),
            env={**os.environ, **self.env},
            pass_fds=self.pass_fds,
            stdin=subprocess.DEVNULL,
            stdout=2,
            start_new_session=True,
        )
        self.started_at = time.monotonic()

    def stop(self, grace_s: float) -> None:
        """Sends SIGTERM, and after ``grace_s`` seconds SIGKILL, also to processes that it started and left behind."""
        if self.process is None:
            return
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(grace_s)
        self.sweep_group()
        self.process.wait()
        self.process = None

    def sweep_group(self) -> None:
        """Kills all processes of its group, itself included."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


class Supervisor:
    """Keeps services running. They stop in the reverse order of their start."""

    def __init__(self, say: Say, grace_s: float) -> None:
        """``say`` prints one line for the user; ``grace_s`` is how long a process may take to stop, in seconds."""
        self._say = say
        self._grace_s = grace_s
        self._services: list[Service] = []

    def add(self, service: Service) -> None:
        """Starts a service and keeps it running from now on."""
        self._services.append(service)
        service.start()

    def tend(self) -> None:
        """Checks all services once: notes those that died, and restarts them when their delay is over."""
        now = time.monotonic()
        for service in self._services:
            if service.process is not None and service.process.poll() is not None:
                self._note_death(service, service.process.returncode, now)
            elif service.process is None and now >= service.start_again_at:
                service.start()

    def kill(self, service: Service, why: str) -> None:
        """Kills a process without SIGTERM before it, and says why; ``tend`` restarts it."""
        self._say(f"the {service.name} {why}; killing it")
        service.sweep_group()

    def stop(self) -> None:
        """Stops all services, the last one first."""
        for service in reversed(self._services):
            service.stop(self._grace_s)

    def _note_death(self, service: Service, status: int, now: float) -> None:
        service.sweep_group()
        service.process = None
        service.failures = 0 if now - service.started_at > _STEADY_S else service.failures + 1
        delay = 0.0
        if service.failures:
            delay = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** (service.failures - 1))
        service.start_again_at = now + delay
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        when = f" in {delay:g} s" if delay else ""
        often = f" ({service.failures} times in a row)" if service.failures > 1 else ""
        self._say(f"the {service.name} {how}{often}; starting it again{when}")


class WorkerWatchdog:
    """Measures how long one process has sent no heartbeat, on a clock that cannot be set.

    Only time in which a heartbeat could have been seen counts: none while Redis does not answer, and little while this
    process itself was stopped.
    """

    def __init__(self, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """``patience_s``: seconds without a heartbeat that are too many; ``clock`` gives seconds."""
        self._patience_s = patience_s
        self._clock = clock
        self._pid: int | None = None
        self._was_live = False
        self._silent_s = 0.0
        self._checked_at: float | None = None

    def is_stuck(self, pid: int | None, live: bool | None) -> bool:
        """Notes one check; True if the process was live before and has sent no heartbeat for too long.

        Args:
            pid: the process, None if it does not run. A new one starts anew.
            live: True after a recent heartbeat, None if Redis did not answer.
        """
        now = self._clock()
        if pid != self._pid:
            self._pid, self._was_live, self._silent_s, self._checked_at = pid, False, 0.0, None
        if live is None:
            self._checked_at = None  # the time until Redis answers again does not count either
            return False
        if live:
            self._was_live, self._silent_s = True, 0.0
        elif self._was_live and self._checked_at is not None:
            self._silent_s += min(_LONGEST_STEP_S, now - self._checked_at)
        self._checked_at = now
        if self._silent_s <= self._patience_s:
            return False
        self._silent_s = 0.0  # if the process survives being killed, this is said again later, not at every check
        return True


def wrap_command(arguments: list[str]) -> list[str]:
    """``arguments`` as a command line that ends with the process that calls this.

    The kernel sends the command SIGTERM when the parent dies, whatever killed it, so that `v2m up` leaves no orphans.
    """
    return [sys.executable, "-m", "cli.supervisor", str(os.getpid()), *arguments]


def become_command(parent: int, arguments: list[str]) -> None:
    """Becomes the command; OSError when it cannot be run."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the call above
        sys.exit(1)
    os.execvp(arguments[0], arguments)


if __name__ == "__main__":
    become_command(int(sys.argv[1]), sys.argv[2:])
