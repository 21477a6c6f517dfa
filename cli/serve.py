"""Runs the API in this process."""

import resource
import signal
import socket
import sys
from ipaddress import ip_address
from typing import Final

from jobs.infra import logs, process_identity
from jobs.infra.settings import Settings

_BACKLOG: Final = 2048


class PortInUseError(Exception):
    """Somebody else listens on that address."""


class UnguardedError(Exception):
    """Others could reach the API, and there are no keys."""


def listen(host: str, port: int, *, local_only: bool = False) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        PortInUseError: the address cannot be had; the message names it.
        UnguardedError: with ``local_only``, for an address that more than this machine can reach.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # connections have it from here
    try:
        listener.bind((host, port))
        if local_only:
            check_local(listener)  # before anybody can connect
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise PortInUseError(f"cannot listen on {host}:{port} ({error.strerror}); choose another --port") from error
    except UnguardedError:
        listener.close()
        raise
    return listener


def check_local(listener: socket.socket) -> None:
    """UnguardedError unless the address that the socket has got, whatever name it was asked for by, is loopback."""
    host = str(listener.getsockname()[0])
    if not ip_address(host.partition("%")[0]).is_loopback:
        raise UnguardedError(f"will not serve on {host} without keys: set V2M_API_KEYS (`v2m key NAME` makes one)")


def url_of(listener: socket.socket) -> str:
    """The address to point a client on this machine at."""
    host, port = listener.getsockname()[:2]
    return url_at(host, port)


def url_at(host: str, port: int) -> str:
    """The same for the address that a listener has, or will have."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


def allow_open_files() -> None:
    """Lets this process open as many files as it may: every connection is one.

    The usual limit of 1024 is meant for programs that call ``select``, which nothing here does.
    """
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def run_api(settings: Settings, listener: socket.socket) -> int:
    """Serves on ``listener`` until SIGTERM or SIGINT; returns the exit status."""
    import uvicorn

    from cli.api_server import ApiServer
    from cli.connections import Connection, accepted_at_once
    from service.app import create_app

    process_identity.deny_inspection()
    allow_open_files()  # before the app and the server, which take shares of them for streams and connections
    logs.configure(settings.log_format, settings.log_level)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        http=Connection,
        ws="none",
        backlog=accepted_at_once(),
        timeout_graceful_shutdown=5,
    )
    # uvicorn stops in good order and then raises the signal once more for the handler that was there before
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    server = ApiServer(config, app.state.watch)
    server.run(sockets=[listener])
    return 0 if server.started else 1
