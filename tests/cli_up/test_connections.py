"""Connections on which nothing is asked end, and are in nobody's way."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import httpx
import pytest
from uvicorn import Config

from cli.api_server import ApiServer
from cli.connections import Connection
from cli.serve import listen, url_of
from jobs.infra.settings import Settings
from service.app import create_app
from tests.processes import ROOT, environment, until

HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
FILES, MANY = 160, 400
Address = tuple[str, int]
Serve = Callable[[int, float], Address]


@pytest.fixture
def serve(settings: Settings) -> Iterator[Serve]:
    """Starts the server of `v2m api` with these limits: connections, and seconds of patience."""
    with ExitStack() as ending:

        def start(most: int, patience_s: float) -> Address:
            listener = ending.enter_context(listen("127.0.0.1", 0))
            app = create_app(settings)
            config = Config(app, http=Connection, ws="none", log_config=None, access_log=False, lifespan="on")
            server = ApiServer(config, app.state.watch, most, patience_s)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            ending.callback(thread.join)
            ending.callback(setattr, server, "should_exit", True)
            address: Address = listener.getsockname()
            return address

        yield start


def connect(address: Address) -> socket.socket:
    return socket.create_connection(address, timeout=60)


def ask(line: socket.socket) -> bytes:
    """Sends a request; returns its answer."""
    line.sendall(HEAD + b"\r\n")
    said = b""
    while not said.endswith(b"}") and (part := line.recv(65536)):
        said += part
    return said


def has_ended(line: socket.socket) -> bool:
    """Waits for its end, or for more to come."""
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("said", [b"", b"G", HEAD], ids=["nothing", "a letter", "half a head"])
def test_a_head_that_does_not_come_is_not_waited_for(serve: Serve, said: bytes) -> None:
    with connect(serve(10, 0.2)) as line:
        line.sendall(said)
        assert has_ended(line)


@pytest.mark.parametrize("asks_before", [False, True])
def test_nor_one_that_comes_in_crumbs(serve: Serve, asks_before: bool) -> None:
    with connect(serve(10, 0.3)) as line:
        if asks_before:
            assert ask(line).startswith(b"HTTP/1.1 200 ")
        line.setblocking(False)

        def has_ended() -> bool:
            try:
                line.sendall(b"G")
                return line.recv(1) == b""
            except BlockingIOError:
                return False
            except (ConnectionResetError, BrokenPipeError):
                return True

        until(has_ended, "the connection to end")


def test_a_request_that_takes_longer_is_none_of_them(serve: Serve) -> None:
    with connect(serve(10, 0.2)) as line:
        line.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n"
                     b"Content-Type: multipart/form-data; boundary=edge\r\n\r\n")  # fmt: skip
        for _ in range(20):
            threading.Event().wait(0.05)
            line.sendall(b"-" * 1000)
        assert line.recv(65536).startswith(b"HTTP/1.1 4")


def test_for_one_too_many_the_one_goes_that_has_waited_longest(serve: Serve) -> None:
    address = serve(3, 60.0)
    with ExitStack() as lines:
        asked, first, second = (lines.enter_context(connect(address)) for _ in range(3))
        assert ask(asked).startswith(b"HTTP/1.1 200 ")  # it waits again, behind the others
        for line in (first, second):
            new = lines.enter_context(connect(address))
            assert ask(new).startswith(b"HTTP/1.1 200 ")
            assert has_ended(line)
        assert ask(new).startswith(b"HTTP/1.1 200 ")


def test_whoever_says_nothing_keeps_nobody_out(settings: Settings) -> None:
    listener = listen("127.0.0.1", 0)
    limited = ["sh", "-c", f'ulimit -n {FILES}; exec "$@"', "sh"]
    process = subprocess.Popen(
        [*limited, sys.executable, "-m", "cli.main", "api", "--fd", str(listener.fileno())],
        cwd=ROOT, env=environment(settings), pass_fds=[listener.fileno()], stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        with ExitStack() as lines:
            until(lambda: httpx.get(f"{url_of(listener)}/healthz", timeout=60).is_success, "the API to start")
            for _ in range(MANY):
                with suppress(ConnectionError):  # some are ended by then
                    lines.enter_context(connect(listener.getsockname())).sendall(HEAD)
            for path in ("/healthz", "/v1/jobs"):
                assert httpx.get(url_of(listener) + path, timeout=60).status_code == 200
    finally:
        process.terminate()
        _, told = process.communicate()
        listener.close()
    assert process.returncode == 0
    assert "out of system resource" not in told, "it always has files left"
