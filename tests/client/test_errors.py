"""Errors say what the API said, whatever it said it in."""

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests.client.odd_server import odd_server
from tests.conftest import MakeSettings
from tests.service.conftest import serving
from v2m_client import ApiError, Client


def test_a_refusal_names_field_and_limit(client: Client, clip: Path) -> None:
    with pytest.raises(ApiError) as refused:
        client.submit(clip, "x" * 1200)
    error = refused.value
    assert (error.status, error.kind, error.field, error.limit) == (422, "too_long", "prompt", 1000)
    assert "1200 characters" in error.detail
    assert str(error) == error.detail
    assert error.request_id
    assert not error.is_passing
    with pytest.raises(ApiError) as refused:
        client.submit(clip, options={"seed": -1})
    assert (refused.value.kind, refused.value.field) == ("invalid_options", "options.seed")
    assert refused.value.members["errors"][0]["field"] == "options.seed"


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"<h1>nginx</h1>"), (500, b""), (403, b'{"detail": "x"}'), (302, b"[]")]
)
def test_an_answer_that_is_no_problem(status: int, body: bytes) -> None:
    answer = status, {"X-Request-ID": "r1", "Location": "/"}, body
    with odd_server(lambda _: answer) as url, Client(url) as client, pytest.raises(ApiError) as error:
        client.get("1")
    assert (error.value.status, error.value.kind, error.value.request_id) == (status, None, "r1")
    assert str(status) in error.value.detail


@pytest.mark.parametrize("body", [b"<h1>Welcome</h1>", b"[]", b'{"id": "1"}'])
def test_a_success_that_is_no_job(body: bytes) -> None:
    with odd_server(lambda _: (200, {}, body)) as url, Client(url) as client, pytest.raises(ApiError) as error:
        client.get("1")
    assert "does not understand" in error.value.detail
    assert (error.value.status, error.value.kind) == (200, None)


def test_an_event_that_is_no_job() -> None:
    stream = 200, {"Content-Type": "text/event-stream"}, b"event: job\ndata: {}\n\n"
    with odd_server(lambda _: stream) as url, Client(url) as client, pytest.raises(ApiError) as error:
        next(client.events("1"))
    assert "does not understand" in error.value.detail


def test_a_job_of_a_newer_api_is_understood() -> None:
    job = {"id": "1", "status": "queued", "created_at": "2026-11-23T21:10:05.123456Z", "mood": "new"}
    with odd_server(lambda _request: (200, {}, json.dumps(job).encode())) as url, Client(url) as client:
        assert client.get("1").status == "queued"


def test_the_key_goes_along(make_settings: MakeSettings, clip: Path) -> None:
    key = "v2m_" + "a" * 43
    with serving(make_settings(api_keys=f"alice:{sha256(key.encode()).hexdigest()}")) as http:
        with Client(str(http.base_url), key) as client:
            assert client.get(client.submit(clip).id).status == "queued"
        for wrong in (None, "v2m_other"):
            with Client(str(http.base_url), wrong) as client, pytest.raises(ApiError) as refused:
                client.submit(clip)
            assert (refused.value.status, refused.value.kind) == (401, "unauthorized")


def test_a_refusal_in_the_middle_of_an_upload_arrives(make_settings: MakeSettings, tmp_path: Path) -> None:
    """The API answers before it has read all of it."""
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(20_000_000))
    settings = make_settings(max_upload_bytes=1_000_000)
    with serving(settings) as http, Client(str(http.base_url)) as client, pytest.raises(ApiError) as refused:
        client.submit(large)
    error = refused.value
    assert (error.status, error.kind, error.field, error.limit) == (413, "upload_too_large", "video", 1_000_000)


@pytest.mark.parametrize("key", ["", "two\nlines", "ключ", " a"])
def test_what_cannot_be_a_key(key: str) -> None:
    with pytest.raises(ValueError, match="key: "):
        Client("http://127.0.0.1:8000", key)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://a:b:c"])
def test_what_cannot_be_an_address(url: str) -> None:
    with pytest.raises(ValueError, match="url: "):
        Client(url)


@pytest.mark.parametrize("job_id", ["", "../../x", "1/cancel", "?"])
def test_what_cannot_be_a_job(job_id: str) -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(ValueError, match="is not a job id"):
        client.get(job_id)


def test_a_video_that_is_not_there_is_not_sent(tmp_path: Path) -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(FileNotFoundError):
        client.submit(tmp_path / "none.mp4")


def test_it_needs_httpx_and_pydantic_alone() -> None:
    program = "import sys, v2m_client; print(*{name.partition('.')[0] for name in sys.modules})"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(shown.stdout.split())
    assert {"httpx", "pydantic"} <= loaded
    assert loaded.isdisjoint({"cli", "fastapi", "jobs", "model_core", "numpy", "redis", "service", "typer"})
