"""Live and ready."""

import shutil
import socket
import threading
from pathlib import Path

import httpx
import pytest
from redis import Redis

from jobs.infra.processes import record_heartbeat
from jobs.infra.settings import Settings
from jobs.store import ArtifactStore
from service.routers import health
from tests.conftest import MakeSettings
from tests.service.conftest import Serve, ask_for_a_fault, assert_problem, post


def test_the_api_is_ready_once_a_worker_is(client: httpx.Client, redis: Redis) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    body = assert_problem(client.get("/readyz"), 503, "not_ready")
    assert list(body["missing"]) == ["worker"]
    record_heartbeat(redis, "somebody")
    assert client.get("/readyz").json() == {"status": "ready", "workers": 1}


def test_without_a_database_it_lives_but_is_not_ready(
    serve: Serve, make_settings: MakeSettings, tmp_path: Path
) -> None:
    client = serve(make_settings(redis_url=f"unix://{tmp_path}/nobody.sock"))
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert list(assert_problem(answer, 503, "not_ready")["missing"]) == ["redis"]
    assert int(answer.headers["retry-after"]) > 0


def test_a_database_that_hangs_is_told_within_seconds(serve: Serve, make_settings: MakeSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = serve(make_settings(redis_url=f"redis://127.0.0.1:{silent.getsockname()[1]}"))
        answer = client.get("/readyz", timeout=5)
        assert list(assert_problem(answer, 503, "not_ready")["missing"]) == ["redis"]


def test_a_store_that_hangs_is_told_within_seconds(
    client: httpx.Client, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_heartbeat(redis, "somebody")
    release = threading.Event()

    def hang(_store: ArtifactStore) -> None:
        release.wait(60)

    monkeypatch.setattr(ArtifactStore, "check_writable", hang)
    monkeypatch.setattr(health, "_TIMEOUT_S", 0.2)
    try:
        assert assert_problem(client.get("/readyz"), 503, "not_ready")["missing"] == {"store": "does not answer"}
    finally:
        release.set()


def test_without_a_store_it_is_not_ready(client: httpx.Client, redis: Redis, settings: Settings) -> None:
    record_heartbeat(redis, "somebody")
    shutil.rmtree(settings.state_dir / "store")
    assert list(assert_problem(client.get("/readyz"), 503, "not_ready")["missing"]) == ["store"]


def test_the_description_of_the_api_can_be_read(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    one = "/v1/jobs/{job_id}"
    of_one = {one, *(f"{one}/{what}" for what in ("cancel", "content", "events", "links"))}
    assert set(paths) == {"/v1/jobs", "/v1/curves", *of_one, "/healthz", "/readyz"}


def test_a_store_that_takes_no_file_is_not_our_clients_fault(
    client: httpx.Client, settings: Settings, clip: Path
) -> None:
    shutil.rmtree(settings.state_dir / "store" / "scratch")
    answer = post(client, clip)
    assert_problem(answer, 503, "storage")
    assert int(answer.headers["retry-after"]) > 0


def test_a_fault_of_ours_is_a_problem_that_shows_nothing_of_our_inside(settings: Settings) -> None:
    answer = ask_for_a_fault(settings)
    assert_problem(answer, 500, "internal")
    assert "secret" not in answer.text
