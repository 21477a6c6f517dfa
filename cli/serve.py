"""Runs the API in this process."""

import signal
import socket
import sys
from typing import Final

from jobs import logs, secrecy
from jobs.settings import Settings

_BACKLOG: Final = 2048


class PortInUseError(Exception):
    """Somebody else listens on that address."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. PortInUseError names the address that cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise PortInUseError(f"cannot listen on {host}:{port} ({error.strerror}); choose another --port") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """The address to point a client on this machine at."""
    host, port = listener.getsockname()[:2]
    return url_at(host, port)


def url_at(host: str, port: int) -> str:
    """The same for the address that a listener has, or will have."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


def run_api(settings: Settings, listener: socket.socket) -> int:
    """Serves on ``listener`` until SIGTERM or SIGINT; returns the exit status."""
    import uvicorn

    from service.app import create_app

    secrecy.close_to_others()
    logs.configure(settings.log_format, settings.log_level)
    config = uvicorn.Config(
        create_app(settings),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=5,
    )
    # uvicorn stops in good order and then raises the signal once more for the handler that was there before
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    return 0 if server.started else 1
