"""The commands `v2m up`, which runs the whole service on this machine, and `v2m api` and `v2m worker`, its parts."""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from cli.serve import PortInUseError, UnguardedError, check_local, listen, run_api
from cli.stack import NOT_USABLE, StartError, run_stack
from cli.terminal import settings_at_fault
from cli.workers import with_worker_options
from jobs.infra.settings import Settings, unknown_settings
from jobs.store import StoreError, check_store
from model_core.errors import ModelError

Host = Annotated[str | None, typer.Option(help="Address to listen on (env V2M_HOST, default 127.0.0.1).")]
Port = Annotated[
    int | None, typer.Option(help="Port, 0 for a free one (env V2M_PORT, default 8000).", min=0, max=65535)
]
State = Annotated[
    Path | None,
    typer.Option(help="Folder for uploads, results and Redis' data (env V2M_STATE_DIR)."),
]
Fd = Annotated[int | None, typer.Option(hidden=True, help="A listening socket that the caller has opened.")]


@with_worker_options
def up(host: Host = None, port: Port = None, state: State = None, **of_the_worker: Any) -> None:
    """Start Redis, the API and one worker for each GPU, or one on the CPU. Ctrl-C stops all of them."""
    command = [sys.executable, "-m", "cli.main", "worker"]

    def run() -> int:
        settings = _settings(host=host, port=port, state_dir=state, **of_the_worker)
        check_store(settings)
        return run_stack(settings, command)

    _warn_of_unknown_settings()
    _exit_with(run)


def api(host: Host = None, port: Port = None, state: State = None, fd: Fd = None) -> None:
    """Run only the API. REDIS_URL names its Redis."""

    def run() -> int:
        settings = _settings(host=host, port=port, state_dir=state)
        return run_api(settings, _listener(settings) if fd is None else _inherit_listener(settings, fd))

    _warn_of_unknown_settings()
    _exit_with(run)


@with_worker_options
def worker(state: State = None, **of_the_worker: Any) -> None:
    """Run only one worker. REDIS_URL names its Redis."""
    from worker.main import run  # RQ, which the other commands can do without

    _warn_of_unknown_settings()
    _exit_with(lambda: run(_settings(state_dir=state, **of_the_worker)))


def _listener(settings: Settings) -> socket.socket:
    return listen(settings.host, settings.port, local_only=settings.api_keys is None)


def _inherit_listener(settings: Settings, fd: int) -> socket.socket:
    listener = socket.socket(fileno=fd)
    if settings.api_keys is None:
        check_local(listener)
    return listener


def _settings(**given: Any) -> Settings:
    """The settings of the environment, with the options of the command line in their place."""
    return Settings(**{name: value for name, value in given.items() if value is not None})


def _warn_of_unknown_settings() -> None:
    """Warns of misspelled variables, and drops them, so that the processes of `v2m up` do not warn again."""
    for name, warning in unknown_settings(os.environ).items():
        typer.echo(f"v2m: warning: {warning}", err=True)
        del os.environ[name]


def _exit_with(run: Callable[[], int]) -> None:
    """Exits with the status that ``run`` returns; an error that the user can correct is one line and status 2."""
    try:
        status = run()
    except ValidationError as error:
        _refuse(settings_at_fault(error)[0])
    except (StartError, PortInUseError, UnguardedError, StoreError, ModelError, OSError) as error:
        _refuse(str(error))
    else:
        raise typer.Exit(status)


def _refuse(reason: str) -> None:
    typer.echo(f"v2m: {reason}", err=True)
    raise typer.Exit(NOT_USABLE)
