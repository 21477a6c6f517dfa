"""A supervisor of processes: starts them, restarts those that die, and stops all of them."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from cli import child

Say = Callable[[str], None]
_FIRST_DELAY_S: Final = 0.5
_LONGEST_DELAY_S: Final = 30.0
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
            child.command([*self.command]),
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
