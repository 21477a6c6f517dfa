"""Single delivery attempts to real servers on loopback, good and bad."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path

import anyio
import pytest

from jobs.webhooks.addresses import Address
from jobs.webhooks.delivery import Delivery
from jobs.webhooks.outbox import Outcome
from tests.jobs.tls_certificate import tls_for
from tests.jobs.webhook_receiver import Receiver, loopback, run_receiver, status

NAME = "hooks.example"
PATIENT = Delivery(private=True, lookup=loopback)
HASTY = Delivery(private=True, lookup=loopback, timeout_s=0.3)
LOOPBACK = ip_address("127.0.0.1")
PUBLIC = ip_address("8.8.8.8")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with run_receiver() as one:
        yield one


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """Event that is set at the end of the test, so that no handler hangs longer."""
    event = threading.Event()
    yield event
    event.set()


def send(delivery: Delivery, url: str) -> Outcome:
    async def one() -> Outcome:
        return await delivery.send(url, '{"ä": 1}', {"webhook-id": "msg_1"})

    return anyio.run(one)


def test_body_and_headers_are_sent_unchanged(receiver: Receiver) -> None:
    assert send(PATIENT, receiver.url("/a/b?token=c%20d", host=NAME)) == Outcome(204)
    (got,) = receiver.received
    assert (got.path, got.body, got.id) == ("/a/b?token=c%20d", '{"ä": 1}'.encode(), "msg_1")
    assert got.headers["host"] == f"{NAME}:{receiver.port}"
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
def test_every_2xx_is_a_success(receiver: Receiver, code: int) -> None:
    receiver.usual = status(code)
    assert send(PATIENT, receiver.url()) == Outcome(code)


@pytest.mark.parametrize("code", [300, 304, 400, 401, 404, 409, 429, 500, 503])
def test_every_other_status_is_a_failure(receiver: Receiver, code: int) -> None:
    receiver.usual = status(code)
    outcome = send(PATIENT, receiver.url())
    assert (outcome.status, outcome.final) == (code, False)
    assert str(code) in (outcome.error or "")


def test_410_is_final(receiver: Receiver) -> None:
    receiver.usual = status(410)
    outcome = send(PATIENT, receiver.url())
    assert (outcome.status, outcome.final, outcome.error is None) == (410, True, False)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(receiver: Receiver, code: int) -> None:
    with run_receiver() as inside:
        receiver.usual = status(code, Location=inside.url("/latest/meta-data"))
        outcome = send(PATIENT, receiver.url())
        assert (outcome.status, inside.received) == (code, [])
        assert "not followed" in (outcome.error or "")


def test_no_cookie_and_no_proxy(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))
        receiver.usual = status(204, **{"Set-Cookie": "who=me"})
        for _ in range(2):
            assert send(PATIENT, receiver.url(host=NAME)).error is None
        assert (len(receiver.received), proxy.received) == (2, [])
    assert "cookie" not in receiver.received[1].headers


@pytest.mark.parametrize("found", [[LOOPBACK], [PUBLIC, LOOPBACK], [ip_address("::1")], [ip_address("10.0.0.1")]])
def test_name_with_a_private_address_gets_no_request(receiver: Receiver, found: list[Address]) -> None:
    delivery = Delivery(private=False, lookup=lambda *_: found)
    outcome = send(delivery, receiver.url(host=NAME, scheme="https"))
    assert (outcome.status, outcome.final) == (None, False)
    assert "not public" in (outcome.error or "")
    assert receiver.received == []


def test_what_was_allowed_before_is_refused_under_stricter_settings(receiver: Receiver) -> None:
    assert "must be a public https" in (send(Delivery(private=False), receiver.url()).error or "")
    assert receiver.received == []


def test_request_goes_to_the_checked_address(receiver: Receiver) -> None:
    asked: list[tuple[str, int]] = []

    def lookup(host: str, port: int) -> list[Address]:
        asked.append((host, port))
        return [LOOPBACK] if len(asked) == 1 else [ip_address("127.0.0.2")]

    # the name stands for nothing that this machine could find by itself
    assert send(Delivery(private=True, lookup=lookup), receiver.url(host=NAME)) == Outcome(204)
    assert asked == [(NAME, receiver.port)]


def test_next_address_is_tried_when_the_connection_fails(receiver: Receiver) -> None:
    found = [ip_address("127.0.0.9"), ip_address("::1"), LOOPBACK]
    assert send(Delivery(private=True, lookup=lambda *_: found), receiver.url(host=NAME)) == Outcome(204)
    outcome = send(Delivery(private=True, lookup=lambda *_: found[:2]), receiver.url(host=NAME))
    assert "ConnectError" in (outcome.error or "")
    assert len(receiver.received) == 1


def test_unknown_host() -> None:
    def lookup(_host: str, _port: int) -> list[Address]:
        raise OSError("no such name")

    assert "cannot be found" in (send(Delivery(private=True, lookup=lookup), f"http://{NAME}/").error or "")


def test_hanging_lookup_ends_with_the_timeout(over: threading.Event) -> None:
    waited_for: list[str] = []

    def lookup(host: str, _port: int) -> list[Address]:
        if not over.wait(10):
            waited_for.append(host)
        return [LOOPBACK]

    async def one() -> Outcome:
        try:
            return await Delivery(private=True, lookup=lookup, timeout_s=0.2).send(f"http://{NAME}/", "{}", {})
        finally:
            over.set()

    assert anyio.run(one) == Outcome(error="no answer within 0.2 s")
    assert waited_for == []


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 O", b"HTTP/1.1 200 OK\r\nX: "])
def test_slow_response_head_ends_with_the_timeout(receiver: Receiver, over: threading.Event, first: bytes) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(first)
        while not over.wait(0.02):
            handler.wfile.write(b"x" if first else b"")

    receiver.usual = drip
    assert send(HASTY, receiver.url()) == Outcome(error="no answer within 0.3 s")


def test_success_counts_whatever_its_body(receiver: Receiver, over: threading.Event) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not over.wait(0.02):
            handler.wfile.write(b"x")

    def break_off(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")

    receiver.answers = [drip, break_off]
    delivery = Delivery(private=True, lookup=loopback, timeout_s=1.5)
    assert send(delivery, receiver.url()) == Outcome(200)
    assert send(PATIENT, receiver.url()) == Outcome(200)


def test_little_of_an_endless_response_is_read(receiver: Receiver) -> None:
    written = 0

    def flood(handler: BaseHTTPRequestHandler) -> None:
        nonlocal written
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            written += handler.connection.send(bytes(64 * 1024))

    receiver.usual = flood
    assert send(PATIENT, receiver.url()) == Outcome(200), "it comes to an end by itself"
    assert written < 50_000_000, "no more than fits into the buffers on the way"


@pytest.mark.parametrize("answer", [b"", b"220 ESMTP\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000])
def test_invalid_response(receiver: Receiver, answer: bytes) -> None:
    def nonsense(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(answer)

    receiver.usual = nonsense
    outcome = send(PATIENT, receiver.url())
    assert (outcome.status, outcome.final) == (None, False)
    assert 0 < len(outcome.error or "") <= 200


def test_tls_verifies_the_name(tmp_path: Path) -> None:
    server, trusting = tls_for(NAME, tmp_path)
    with run_receiver(server) as receiver:
        known = Delivery(private=True, lookup=loopback, tls=trusting)
        assert send(known, receiver.url(host=NAME, scheme="https")) == Outcome(204)
        for delivery, host in [(known, "other.example"), (known, "127.0.0.1"), (PATIENT, NAME)]:
            outcome = send(delivery, receiver.url(host=host, scheme="https"))
            assert "CERTIFICATE_VERIFY_FAILED" in (outcome.error or "")
        assert len(receiver.received) == 1
