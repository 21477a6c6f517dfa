"""Runs the API in this process."""

import resource
import signal
import socket
import sys
from ipaddress import ip_address
from typing import Final

from jobs.infra import processes
from jobs.infra.monitoring import configure_logs
from jobs.infra.settings import Settings

_BACKLOG: Final = 2048


class PortInUseError(Exception):
    """Another program listens on that address, or it cannot be used."""


class UnguardedError(Exception):
    """The API could be reached from other machines, and there are no keys."""


def listen(host: str, port: int, *, local_only: bool = False) -> socket.socket:
    """Opens a listening socket; port 0 takes a free one.

    Raises:
        PortInUseError: the address cannot be used; the message names it.
        UnguardedError: with ``local_only``, for an address that other machines can reach.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # connections have it from here
    try:
        listener.bind((host, port))
        if local_only:
            check_local(listener)  # before anyone can connect
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise PortInUseError(f"cannot listen on {host}:{port} ({error.strerror}); choose another --port") from error
    except UnguardedError:
        listener.close()
        raise
    return listener


def check_local(listener: socket.socket) -> None:
    """Raises UnguardedError unless the socket's own address is a loopback address, whatever name it was opened by."""
    host = str(listener.getsockname()[0])
    if not ip_address(host.partition("%")[0]).is_loopback:
        raise UnguardedError(f"cannot serve on {host} without API keys: set V2M_API_KEYS (`v2m key NAME` makes a key)")


def url_of(listener: socket.socket) -> str:
    """The URL of the listener for a client on this machine."""
    host, port = listener.getsockname()[:2]
    return url_at(host, port)


def url_at(host: str, port: int) -> str:
    """The URL of an address for a client on this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


def raise_open_file_limit() -> None:
    """Raises this process's limit of open files to the highest that it may have: every connection is one.

    The usual limit of 1024 is meant for programs that call ``select``, which nothing here does.
    """
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def run_api(settings: Settings, listener: socket.socket) -> int:
    """Serves on ``listener`` until SIGTERM or SIGINT; returns the exit status."""
    from cli.api_server import ApiServer, server_config
    from service.app import create_app

    processes.deny_inspection()
    raise_open_file_limit()  # before the app, which gives streams of events a share of them
    configure_logs(settings.log_format, settings.log_level)
    server = ApiServer(server_config(create_app(settings), settings))
    # uvicorn finishes the requests under way, then raises the signal again for the handler that was there before.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    server.run(sockets=[listener])
    return 0 if server.started else 1
