"""Absolute links with V2M_PUBLIC_URL, and paths without it; never anything from the request's Host header."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import ValidationError

from jobs.infra.settings import Settings
from service.dependencies import Services
from tests.conftest import MakeSettings
from tests.jobs.webhook_receiver import SECRET, run_receiver
from tests.processes import until
from tests.service.conftest import RESULT, Serve, complete, post
from tests.service.keyring import ALICE, ENTRIES, bearer

PUBLIC = "https://media.example.com/v2m"
FORGED = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example;proto=https"}


def urls(client: httpx.Client, services: Services, clip: Path) -> dict[str, Any]:
    """Every link that the API hands out about a new job, by where it stands."""
    client.headers.update(bearer(ALICE) | FORGED)
    created = post(client, clip)
    job_id = created.json()["id"]
    complete(services, job_id)
    path = f"/v1/jobs/{job_id}"
    (listed,) = client.get("/v1/jobs").json()["jobs"]
    stream = client.get(f"{path}/events").text
    event = json.loads(next(line for line in stream.splitlines() if line.startswith("data: ")).removeprefix("data: "))
    links = client.post(f"{path}/links").json()
    return {
        "location": created.headers["location"],
        "job": client.get(path).json()["content"]["video"],
        "list": listed["content"]["video"],
        "event": event["content"]["video"],
        "link": links["content"]["video"],
        "events": links["events"],
    }


def test_links_are_absolute_with_a_public_url(
    serve: Serve, make_settings: MakeSettings, services: Services, clip: Path
) -> None:
    client = serve(make_settings(api_keys=ENTRIES, public_url=f"{PUBLIC}/"))
    found = urls(client, services, clip)
    path = found["location"].removeprefix(PUBLIC)
    content = f"{PUBLIC}{path}/content?variant=video"
    assert path.startswith("/v1/jobs/")
    assert found["job"] == found["list"] == found["event"] == content
    assert found["link"].startswith(f"{content}&expires=")
    assert found["events"].startswith(f"{PUBLIC}{path}/events?expires=")
    # as a proxy passes it on that serves the API below a path
    with httpx.Client(base_url=client.base_url) as anyone:
        assert anyone.get(found["link"].removeprefix(PUBLIC)).content == RESULT
    servers = client.get("/openapi.json").json()["servers"]
    assert [server["url"] for server in servers] == [PUBLIC, "/"]


def test_links_are_paths_without_one(serve: Serve, make_settings: MakeSettings, services: Services, clip: Path) -> None:
    found = urls(serve(make_settings(api_keys=ENTRIES)), services, clip)
    assert {urlsplit(url).netloc for url in found.values()} == {""}
    assert all(url.startswith("/v1/jobs/") for url in found.values())


@pytest.mark.parametrize("public_url", [PUBLIC, None])
def test_the_webhook_has_the_same_links(
    serve: Serve, make_settings: MakeSettings, services: Services, clip: Path, public_url: str | None
) -> None:
    client = serve(make_settings(webhook_secret=SECRET, webhook_private=True, public_url=public_url))
    with run_receiver() as receiver:
        job_id = post(client, clip, webhook=receiver.url()).json()["id"]
        complete(services, job_id)
        until(lambda: receiver.received, "the webhook")
    data = receiver.received[0].verified()["data"]
    assert data["job"] == f"{public_url or ''}/v1/jobs/{job_id}"
    assert data["content"]["video"] == f"{public_url or ''}/v1/jobs/{job_id}/content?variant=video"


@pytest.mark.parametrize("url", ["https://v2m.example.com", "http://localhost:8000/", "https://example.com/a/b_c~d/"])
def test_a_public_url_loses_its_last_slash(make_settings: MakeSettings, url: str) -> None:
    assert make_settings(public_url=url).base_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        *("example.com", "ftp://example.com", "https://", "https:///v1", "https://user:pw@example.com"),
        *("https://example.com/?a=b", "https://example.com/#x", "https://example.com/a b", "https://example.com:port"),
        *('https://example.com/"><script>', "https://example.com:99999", "https://example.com\n"),
    ],
)
def test_a_public_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="V2M_PUBLIC_URL: must be the address of the API"):
        Settings(public_url=url)
