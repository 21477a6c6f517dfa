"""Who has a key comes in, and nobody else, whatever they ask for and however much they send."""

import socket
import subprocess
from pathlib import Path

import httpx
import pytest
from redis import Redis
from structlog.testing import capture_logs
from structlog.typing import EventDict

from jobs.infra.settings import Settings
from service.auth.keys import digest
from tests.conftest import MakeSettings
from tests.processes import until
from tests.service.conftest import Serve, assert_problem, create, jobs_in, stored
from tests.service.keyring import ALICE, BOB, ENTRIES, bearer, entry

LARGE = 20_000_000


@pytest.fixture
def keyed(make_settings: MakeSettings) -> Settings:
    return make_settings(api_keys=ENTRIES)


@pytest.fixture
def strange(serve: Serve, keyed: Settings) -> httpx.Client:
    """A client of an API with keys that has none."""
    return serve(keyed)


def use(client: httpx.Client, key: str) -> httpx.Client:
    return httpx.Client(base_url=client.base_url, headers=bearer(key), timeout=60)


def test_what_needs_no_key(strange: httpx.Client) -> None:
    for path in ("/healthz", "/docs", "/docs/initializer.js", "/openapi.json"):
        assert strange.get(path).status_code == 200
        assert strange.head(path).status_code != 401
        assert_problem(strange.post(path), 401, "unauthorized")
    assert_problem(strange.get("/readyz"), 503, "not_ready")


def test_everything_else_needs_one(strange: httpx.Client) -> None:
    for method, path in (
        ("POST", "/v1/jobs"),
        ("POST", "/v1/curves"),
        ("GET", "/v1/jobs"),
        ("GET", f"/v1/jobs/{'0' * 32}"),
        ("DELETE", f"/v1/jobs/{'0' * 32}"),
        ("GET", f"/v1/jobs/{'0' * 32}/content"),
        ("POST", f"/v1/jobs/{'0' * 32}/links"),
        ("GET", "/nowhere"),
        ("GET", "/redoc"),
        ("GET", "/docs/"),
        ("GET", "/docs/index.html"),
        ("GET", "/healthz/"),
        ("GET", "//healthz"),
        ("OPTIONS", "/v1/jobs"),
        ("MADE-UP", "/v1/jobs"),
    ):
        answer = strange.request(method, path)
        assert_problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_what_is_no_key(strange: httpx.Client) -> None:
    for given in (
        "",
        "Bearer",
        f"Basic {ALICE}",
        ALICE,
        f"Bearer {ALICE}x",
        f"Bearer {ALICE[:-1]}",
        f"Bearer x {ALICE}",
        f"Bearer {digest(ALICE.encode()).hex()}",
        "Bearer \N{LATIN SMALL LETTER A WITH DIAERESIS}",
    ):
        answer = strange.get("/v1/jobs", headers=[(b"Authorization", given.encode("latin-1"))])
        assert_problem(answer, 401, "unauthorized")


def test_a_key_elsewhere_than_in_its_header_is_none(strange: httpx.Client) -> None:
    answer = strange.get("/v1/jobs", params={"api_key": ALICE}, headers={"X-API-Key": ALICE})
    assert_problem(answer, 401, "unauthorized")


def test_the_scheme_may_be_written_in_any_case(strange: httpx.Client) -> None:
    assert strange.get("/nowhere", headers={"Authorization": f"bEARER {ALICE}"}).status_code == 404


def test_a_job_is_seen_by_its_key_alone(strange: httpx.Client, clip: Path) -> None:
    with use(strange, ALICE) as alice, use(strange, BOB) as bob:
        path = f"/v1/jobs/{create(alice, clip)['id']}"
        assert alice.get(path).status_code == 200
        for asked in ("GET ", "DELETE ", "POST /cancel", "GET /content", "GET /events", "POST /links"):
            method, _, end = asked.partition(" ")
            assert_problem(bob.request(method, path + end), 404, "unknown_job")


def test_during_a_rotation_both_keys_of_a_name_are_the_same_caller(
    serve: Serve, make_settings: MakeSettings, clip: Path
) -> None:
    client = serve(
        make_settings(api_keys=f" {entry('alice', ALICE)} ,\n{entry('alice', BOB).upper().replace('ALICE', 'alice')}")
    )
    with use(client, ALICE) as old, use(client, BOB) as new:
        assert new.get(f"/v1/jobs/{create(old, clip)['id']}").status_code == 200


def test_without_keys_only_what_was_made_without_keys_is_seen(
    serve: Serve, keyed: Settings, make_settings: MakeSettings, clip: Path
) -> None:
    with use(serve(keyed), ALICE) as alice:
        made = create(alice, clip)["id"]
    assert_problem(serve(make_settings()).get(f"/v1/jobs/{made}"), 404, "unknown_job")


def test_a_large_upload_without_a_key_gets_its_answer(
    strange: httpx.Client, keyed: Settings, redis: Redis, tmp_path: Path
) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(LARGE))
    for expect in ("Expect:", "Expect: 100-continue"):
        asked = ["curl", "-sS", "-F", f"video=@{large}", "-H", expect, "-w", "\n%{http_code} %{size_upload}"]
        done = subprocess.run(
            [*asked, f"{strange.base_url}/v1/jobs"], capture_output=True, text=True, check=True, timeout=60
        )
        body, _, told = done.stdout.rpartition("\n")
        status, sent = told.split()
        assert (status, "unauthorized" in body) == ("401", True)
        assert int(sent) == 0 or expect == "Expect:", "who asks first sends nothing"
    assert stored(keyed) == []
    assert jobs_in(redis) == []


def test_who_closes_the_line_after_a_large_upload_gets_the_answer_too(strange: httpx.Client) -> None:
    head = f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: {LARGE}\r\nConnection: close\r\n\r\n"
    with socket.create_connection((strange.base_url.host, strange.base_url.port or 0), timeout=60) as line:
        line.sendall(head.encode() + bytes(LARGE))
        answer = b""
        while part := line.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 401")
    assert b"unauthorized" in answer


def of_requests(events: list[EventDict]) -> list[EventDict]:
    return [event for event in events if event["event"] == "request"]


def test_the_log_names_the_key_and_never_shows_it(strange: httpx.Client) -> None:
    with capture_logs() as events, use(strange, BOB) as bob:
        bob.get("/nowhere", params={"signature": "0" * 43})
        strange.get("/nowhere", headers=bearer("v2m_made-up"))
        # a line is written once its answer has been sent
        requests = until(lambda: found if len(found := of_requests(events)) == 2 else None, "both lines")
    assert [(event["path"], event["status"], event.get("key")) for event in requests] == [
        ("/nowhere", 404, "bob"),
        ("/nowhere", 401, None),
    ]
    assert not any(text in repr(events) for text in (BOB, "made-up", "signature", "0" * 43))
