"""Connections to a Redis that hangs or is down."""

import socket
import threading
from collections.abc import Iterator

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from jobs.infra.redis_connection import connect


class Silent:
    """A server that accepts connections and never answers."""

    def __init__(self) -> None:
        self.taken: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    def _take(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            self.taken.append(connection)
            if connection.recv(1, socket.MSG_PEEK) == b"!":
                return

    def close(self) -> None:
        with socket.create_connection(self._listener.getsockname()) as last:
            last.sendall(b"!")
            self._thread.join()
        for connection in self.taken:
            connection.close()
        self._listener.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    server = Silent()
    yield server
    server.close()


def test_hanging_server_costs_one_timeout(silent: Silent) -> None:
    # Seven times seven tries it was, and each of them five seconds.
    with connect(silent.url, socket_timeout=0.2) as redis, pytest.raises(RedisTimeoutError):
        redis.get("key")
    assert len(silent.taken) == 1


def test_refused_connection_is_retried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with connect(f"redis://127.0.0.1:{port}", retries=2) as redis, pytest.raises(RedisConnectionError, match="refused"):
        redis.get("key")
