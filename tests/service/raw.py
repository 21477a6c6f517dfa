"""Requests by the byte, for what a well-behaved client would not do."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from service.errors.problem import TYPE_PREFIX


@contextmanager
def line(client: httpx.Client) -> Iterator[socket.socket]:
    """A connection to the server of ``client``."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=60) as connection:
        yield connection


def head(path: str, headers: Mapping[str, str]) -> bytes:
    """The start of a POST, after which the body comes; the server is to end the connection after its answer."""
    given = {"Host": "localhost", "Connection": "close", **headers}
    fields = [f"{name}: {value}" for name, value in given.items()]
    return "\r\n".join([f"POST {path} HTTP/1.1", *fields, "", ""]).encode("latin-1")


def answer(connection: socket.socket) -> str:
    """All that the server says, up to the end of the connection."""
    said = b""
    while part := connection.recv(65536):
        said += part
    return said.decode()


def is_problem(said: str, status: int, kind: str) -> bool:
    """Whether that is a problem of this status and type."""
    first, _, rest = said.partition("\r\n")
    return first.startswith(f"HTTP/1.1 {status} ") and f'"{TYPE_PREFIX}{kind}"' in rest
