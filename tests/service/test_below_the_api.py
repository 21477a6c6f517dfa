"""What is no HTTP never reaches the API: docs/errors.md says what the server answers by itself."""

import httpx
import pytest

from service.errors.problem import MEDIA_TYPE
from tests.service import raw


@pytest.mark.parametrize(
    "said",
    [
        b"nonsense\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
        b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 70_000,
    ],
    ids=["no request", "no header", "no length", "a head without an end"],
)
def test_the_server_ends_it_in_plain_text_and_serves_on(client: httpx.Client, said: bytes) -> None:
    with raw.line(client) as line:
        line.sendall(said)
        answer = raw.answer(line)
    assert answer.startswith("HTTP/1.1 400 ")
    assert "content-type: text/plain" in answer
    assert MEDIA_TYPE not in answer
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "path", ["/healthz%00", "/v1/jobs/%ff%fe", "/v1/jobs/" + "x" * 60_000, "//v1/jobs", "/v1/jobs?limit=%ff"]
)
def test_odd_addresses_are_problems(client: httpx.Client, path: str) -> None:
    with raw.line(client) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        head, _, _ = raw.answer(line).partition("\r\n\r\n")
    assert head.startswith(("HTTP/1.1 404 ", "HTTP/1.1 422 "))
    assert f"content-type: {MEDIA_TYPE}" in head
