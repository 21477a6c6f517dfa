"""The real nginx with docker/nginx.conf before a real API: TLS, uploads, events, and its limits."""

import json
import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from cli.serve import listen, url_of
from tests.conftest import MakeSettings
from tests.images import nginx
from tests.processes import ROOT, environment, free_port, start_worker, until
from tests.service.keyring import ALICE, ENTRIES, bearer
from tests.service.raw import answer, head, is_problem

pytestmark = pytest.mark.slow

LIMIT = 50
"""Of requests under way from one address, as in docker/nginx.conf."""
UPLOAD_LIMIT = 200_000
FORM = {**bearer(ALICE), "Content-Type": "multipart/form-data; boundary=edge"}
START = b'--edge\r\nContent-Disposition: form-data; name="video"; filename="a.mp4"\r\n\r\n'


@dataclass
class Edge:
    """The port of the proxy, its certificate and its folder."""

    port: int
    certificate: Path
    folder: Path

    def client(self, own: str = "127.0.0.1", **headers: str) -> httpx.Client:
        """A client that comes from the address ``own``, with Alice's key."""
        transport = httpx.HTTPTransport(
            verify=ssl.create_default_context(cafile=self.certificate), local_address=own,
            limits=httpx.Limits(max_connections=None),
        )  # fmt: skip
        return httpx.Client(
            base_url=f"https://localhost:{self.port}",
            transport=transport,
            headers={**bearer(ALICE), **headers},
            timeout=60,
        )

    @contextmanager
    def line(self, own: str = "127.0.0.1") -> Iterator[ssl.SSLSocket]:
        """A connection by the byte."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=60, source_address=(own, 0))
        context = ssl.create_default_context(cafile=self.certificate)
        with context.wrap_socket(plain, server_hostname="localhost") as line:
            yield line


@pytest.fixture(scope="module")
def binary() -> Path:
    """nginx; where there is none, the tests are skipped, unless V2M_REQUIRE_NGINX=1."""
    found = nginx.binary()
    if isinstance(found, str):
        if os.environ.get("V2M_REQUIRE_NGINX") == "1":
            pytest.fail(found)
        pytest.skip(found)
    return found


StartEdge = Callable[..., Edge]


@pytest.fixture
def start_edge(binary: Path, make_settings: MakeSettings, tmp_path: Path) -> Iterator[StartEdge]:
    """Starts the API behind nginx, with the settings that a test changes."""
    with ExitStack() as ending:

        def start(**changes: Any) -> Edge:
            settings = make_settings(api_keys=ENTRIES, trusted_proxies="127.0.0.1", **changes)
            port, folder = free_port(), tmp_path / "nginx"
            folder.mkdir()
            certificate = nginx.self_signed(folder)
            listener = ending.enter_context(listen("127.0.0.1", 0))
            command = [sys.executable, "-m", "cli.main", "api", "--fd", str(listener.fileno())]
            log = ending.enter_context((tmp_path / "api.log").open("wb"))
            api = subprocess.Popen(
                command, cwd=ROOT, env=environment(settings), pass_fds=[listener.fileno()], stderr=log
            )
            ending.callback(api.wait, 60)
            ending.callback(api.terminate)
            ending.enter_context(nginx.running(binary, nginx.configuration(folder, port, url_of(listener))))
            edge = Edge(port, certificate, folder)
            with edge.client() as client:
                until(lambda: client.get("/healthz").is_success, "the API to start")
            return edge

        yield start


@pytest.fixture
def edge(start_edge: StartEdge) -> Edge:
    """The API behind nginx."""
    return start_edge(max_upload_bytes=UPLOAD_LIMIT, max_uploads=200, max_uploads_per_key=200, upload_silence_s=5)


def create(client: httpx.Client, clip: Path) -> str:
    """Creates a job; returns its path."""
    with clip.open("rb") as video:
        made = client.post("/v1/jobs", files={"video": video}, data={"prompt": "calm piano"})
    assert made.status_code == 202, made.text
    return f"/v1/jobs/{made.json()['id']}"


def test_upload_poll_and_download(edge: Edge, make_settings: MakeSettings, redis: Redis, clip: Path) -> None:
    worker = start_worker(make_settings(), redis)
    try:
        with edge.client() as client:
            job = create(client, clip)
            until(lambda: client.get(job).json()["status"] == "completed", "the job to end")
            assert client.get(f"{job}/content").content == clip.read_bytes()
            part = client.get(f"{job}/content", headers={"Range": "bytes=2-5"})
            assert (part.status_code, part.content) == (206, clip.read_bytes()[2:6])
    finally:
        worker.terminate()
        worker.wait(60)
    logged = (edge.folder / "access.log").read_text()
    assert f"127.0.0.1 GET {job}/content 206 4 " in logged


def test_events_come_at_once(edge: Edge, clip: Path) -> None:
    with edge.client() as client:
        job = create(client, clip)
        with client.stream("GET", f"{job}/events") as stream:
            data = (
                json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line.startswith("data: ")
            )
            assert next(data)["status"] == "queued"  # of a stream that goes on
            client.post(f"{job}/cancel")
            assert next(data)["status"] == "canceled"


def test_a_header_that_does_not_end_closes_its_connection(edge: Edge) -> None:
    with edge.line() as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        assert line.recv(1) == b""


def test_idle_connections_keep_nobody_out(edge: Edge) -> None:
    with ExitStack() as lines, edge.client() as client:
        for _ in range(4 * LIMIT):
            lines.enter_context(edge.line()).sendall(b"GET /healthz HTTP/1.1\r\n")
        assert client.get("/v1/jobs").status_code == 200


def test_many_requests_of_one_address_are_refused(edge: Edge) -> None:
    with ExitStack() as lines, edge.client() as client, edge.client("127.0.0.9") as other:
        for _ in range(LIMIT):
            line = lines.enter_context(edge.line())
            line.sendall(head("/v1/jobs", {**FORM, "Content-Length": "5000"}) + START)

        def refused() -> httpx.Response | None:
            found = client.get("/v1/jobs")
            return found if found.status_code == 429 else None

        answered = until(refused, "the connections to be counted")
        assert answered.headers["content-type"] == "application/problem+json"
        assert answered.headers["retry-after"] == "5"
        assert "of your address" in answered.json()["detail"]
        assert other.get("/v1/jobs").status_code == 200
    with edge.client() as client:
        until(lambda: client.get("/v1/jobs").status_code == 200, "the connections to end")


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_over_the_limit_gets_the_answer_of_the_api(edge: Edge, chunked: bool) -> None:
    part = b"\0" * 16384
    length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(START) + 200 * len(part))}
    with edge.line() as line:
        line.sendall(head("/v1/jobs", {**FORM, **length}))
        for piece in (START, *[part] * 200):
            line.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        said = answer(line)
    assert is_problem(said, 413, "upload_too_large"), said
    assert f'"limit":{UPLOAD_LIMIT}' in said


def test_a_stalled_upload_gets_the_answer_of_the_api(edge: Edge) -> None:
    with edge.line() as line:
        line.sendall(head("/v1/jobs", {**FORM, "Content-Length": "5000"}) + START)
        said = answer(line)
    assert said.startswith("HTTP/1.1 408 "), said
    assert "application/problem+json" in said


def test_an_upload_reaches_the_api_while_it_is_sent(edge: Edge) -> None:
    with edge.line() as line:
        line.sendall(head("/v1/jobs", {**FORM, **bearer("v2m_wrong"), "Content-Length": "5000"}) + START)
        assert line.recv(12) == b"HTTP/1.1 401"  # though its body never comes


def test_what_a_client_says_of_its_address_is_replaced(
    binary: Path, make_settings: MakeSettings, tmp_path: Path
) -> None:
    spoofed = {
        "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "ftp", "Forwarded": "for=203.0.113.7",
        "X-Real-IP": "203.0.113.7", "X-Forwarded-Host": "evil.example", "X-Forwarded-Port": "1",
    }  # fmt: skip
    with socket.socket() as api:
        api.bind(("127.0.0.1", 0))
        api.listen()
        port = free_port()
        certificate = nginx.self_signed(tmp_path)
        config = nginx.configuration(tmp_path, port, f"http://127.0.0.1:{api.getsockname()[1]}")
        with nginx.running(binary, config), Edge(port, certificate, tmp_path).line() as line:
            fields = "".join(f"{name}: {value}\r\n" for name, value in spoofed.items())
            line.sendall(f"GET / HTTP/1.1\r\nHost: my.example:8443\r\n{fields}\r\n".encode())
            behind, _ = api.accept()
            with behind:
                got = behind.recv(65536).decode().lower()
    headers = dict(re.findall(r"^([\w-]+): (.*)\r$", got, re.MULTILINE))
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["host"] == "my.example:8443"
    assert "203.0.113.7" not in got
    assert headers.keys() & {"forwarded", "x-real-ip", "x-forwarded-host", "x-forwarded-port"} == set()


def test_an_api_that_is_out_is_a_problem_of_its_form(binary: Path, tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = free_port()
        certificate = nginx.self_signed(tmp_path)
        config = nginx.configuration(tmp_path, port, f"http://127.0.0.1:{nobody.getsockname()[1]}")
        with nginx.running(binary, config), Edge(port, certificate, tmp_path).client() as client:
            found = client.get("/healthz")
    assert (found.status_code, found.headers["content-type"]) == (503, "application/problem+json")
    assert found.json()["status"] == 503


def test_the_api_counts_the_addresses_of_clients(start_edge: StartEdge, clip: Path) -> None:
    edge = start_edge(rate_limit="4/hour")
    with edge.client() as client:
        job = create(client, clip)
        link = client.post(f"{job}/links").json()["events"]
        client.post(f"{job}/cancel")  # so that its events end
    for own in ("127.0.0.1", "127.0.0.9"):
        with edge.client(own) as client:
            del client.headers["Authorization"]
            asked = [client.get(link, headers={"X-Forwarded-For": f"203.0.113.{i}"}).status_code for i in range(5)]
        assert asked == [200] * 4 + [429]
