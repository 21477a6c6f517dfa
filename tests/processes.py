"""Starting worker processes, waiting for things to happen, and looking at who runs. Time-outs are safety nets only."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from redis import Redis

from jobs.infra.processes import live_workers, process_of
from jobs.infra.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 180.0
T = TypeVar("T")


def until(ask: Callable[[], T | None], what: str) -> T:
    """The first true answer of ``ask``; AssertionError naming ``what`` when none comes."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"waited {PATIENCE_S:g} s in vain for {what}")


def environment(settings: Settings) -> dict[str, str]:
    """Environment variables that give a process these settings, whatever this process has."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("V2M_", "REDIS_URL"))}
    given = {f"V2M_{name.upper()}": str(value) for name, value in settings.model_dump(exclude_none=True).items()}
    return {**own, **given}


def start_worker(settings: Settings, redis: Redis, module: str = "tests.worker.fake_worker") -> subprocess.Popen[bytes]:
    """A worker process with a fake scorer, returned once it is ready for jobs."""
    process = subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=environment(settings))

    def ready() -> bool:
        assert process.poll() is None, f"the worker ended with status {process.returncode} before it was ready"
        return any(process_of(name) == process.pid for name in live_workers(redis, settings.heartbeat_ttl_s))

    until(ready, "the worker to be ready")
    return process


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def is_running(pid: int) -> bool:
    """False for a process that has ended, reaped or not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def descendants(pid: int) -> list[int]:
    """Every process below ``pid`` that runs now."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        try:
            children = Path(f"/proc/{waiting[0]}/task/{waiting.pop(0)}/children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += map(int, children)
        waiting += map(int, children)
    return found
