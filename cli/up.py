"""`v2m up`: the whole service on this machine with one command, and its parts for running them apart."""

import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Annotated, Final

import typer
from filelock import FileLock, Timeout
from pydantic import ValidationError
from redis import Redis
from redis.exceptions import RedisError

from cli.redis_server import RedisServer
from cli.serve import PortInUseError, listen, run_api, url_of
from cli.supervisor import Service, Supervisor
from jobs.connection import connect
from jobs.liveness import live_workers
from jobs.settings import Settings

NOT_USABLE: Final = 2
_TICK_S: Final = 0.2
_REDIS_START_S: Final = 30.0

Host = Annotated[str | None, typer.Option(help="Address to listen on [V2M_HOST, default 127.0.0.1].")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one [V2M_PORT, default 8000].")]
State = Annotated[Path | None, typer.Option(help="Folder for uploads, results and Redis' data [V2M_STATE_DIR].")]


class StartError(Exception):
    """The service cannot start; the message says why in one line."""


def up(host: Host = None, port: Port = None, state: State = None) -> None:
    """Start Redis, one worker and the API on this machine; Ctrl-C stops all of them."""
    _exit_with(lambda: run_up(_settings(host, port, state), [sys.executable, "-m", "cli.main", "worker"]))


def api(
    host: Host = None, port: Port = None, state: State = None, fd: Annotated[int | None, typer.Option(hidden=True)] = None
) -> None:
    """Run the API alone; REDIS_URL names its Redis."""

    def run() -> int:
        settings = _settings(host, port, state)
        listener = listen(settings.host, settings.port) if fd is None else socket.socket(fileno=fd)
        return run_api(settings, listener)

    _exit_with(run)


def worker(state: State = None) -> None:
    """Run one worker alone; REDIS_URL names its Redis."""

    def run() -> int:
        import worker.main

        return worker.main.run(_settings(None, None, state))

    _exit_with(run)
