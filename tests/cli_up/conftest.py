"""`v2m up` as a process, watched line by line."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx
import pytest

from jobs.infra.settings import Settings
from tests.processes import PATIENCE_S, ROOT, descendants, environment, is_running, until


class Up:
    """One running stack."""

    def __init__(
        self, settings: Settings, *, module: str = "tests.cli_up.fake_up", options: Sequence[str] = ()
    ) -> None:
        command = [sys.executable, "-m", module, *options]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment(settings), stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.url = self.line(r"API on (http://\S+)")[1]
        self.line("ready: the worker has loaded the model")

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            for line in self.process.stdout:
                self._lines.put(line)

    def line(self, pattern: str) -> re.Match[str]:
        """The next line that matches."""
        while True:
            found = re.search(pattern, self._lines.get(timeout=PATIENCE_S))
            if found:
                return found

    def worker(self) -> int:
        """The process number of the worker."""
        for pid in descendants(self.process.pid):
            with open(f"/proc/{pid}/cmdline") as command:
                if "tests.worker.fake_worker" in command.read():
                    return pid
        raise AssertionError("there is no worker")

    def ended_job(self, client: httpx.Client, location: str) -> dict[str, object]:
        """The job once it is over."""

        def ask() -> dict[str, object] | None:
            job: dict[str, object] = client.get(location).json()
            return job if job["status"] in ("completed", "failed") else None

        return until(ask, "the job to end")

    def end(self, with_signal: signal.Signals) -> int:
        """Sends a signal and returns the exit status, once every process of the stack is gone."""
        family = [self.process.pid, *descendants(self.process.pid)]
        assert len(family) >= 4, "up, Redis, the worker and the API"
        os.kill(self.process.pid, with_signal)
        status = self.process.wait(PATIENCE_S)
        until(lambda: not any(map(is_running, family)), "every process to end")
        self._reader.join()
        return status


@pytest.fixture
def start_up() -> Iterator[Callable[..., Up]]:
    """Starts stacks, and ends those that a failed test left."""
    started: list[Up] = []

    def start(settings: Settings, **how: Any) -> Up:
        started.append(Up(settings, **how))
        return started[-1]

    yield start
    for up in started:
        if up.process.poll() is None:
            up.end(signal.SIGTERM)


@pytest.fixture
def own_redis(make_settings: Callable[..., Settings]) -> Settings:
    """Settings of a stack with its own Redis and a free port."""
    return make_settings(redis_url=None, port=0)


@pytest.fixture
def own_signals() -> Iterator[None]:
    """Puts the handlers back that a stack in this process takes over."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
