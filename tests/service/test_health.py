"""Live and ready."""

import shutil
from pathlib import Path

import anyio
import httpx
from redis import Redis

from jobs.liveness import beat
from jobs.settings import Settings
from service.app import create_app
from tests.conftest import MakeSettings
from tests.service.conftest import Serve
from tests.service.test_bad_input import assert_problem, post


def test_the_api_is_ready_once_a_worker_is(client: httpx.Client, redis: Redis) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    body = assert_problem(client.get("/readyz"), 503, "not_ready")
    assert list(body["missing"]) == ["worker"]
    beat(redis, "somebody")
    assert client.get("/readyz").json() == {"status": "ready", "workers": 1}


def test_without_a_database_it_lives_but_is_not_ready(
    serve: Serve, make_settings: MakeSettings, tmp_path: Path
) -> None:
    client = serve(make_settings(redis_url=f"unix://{tmp_path}/nobody.sock"))
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert list(assert_problem(answer, 503, "not_ready")["missing"]) == ["redis"]
    assert int(answer.headers["retry-after"]) > 0


def test_without_a_store_it_is_not_ready(client: httpx.Client, redis: Redis, settings: Settings) -> None:
    beat(redis, "somebody")
    shutil.rmtree(settings.store_dir)
    assert list(assert_problem(client.get("/readyz"), 503, "not_ready")["missing"]) == ["store"]


def test_the_description_of_the_api_can_be_read(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {"/v1/jobs", "/v1/jobs/{job_id}", "/v1/jobs/{job_id}/content", "/healthz", "/readyz"}


def test_a_store_that_takes_no_file_is_not_our_clients_fault(
    client: httpx.Client, settings: Settings, clip: Path
) -> None:
    (settings.store_dir / "incoming").rmdir()
    answer = post(client, clip)
    assert_problem(answer, 503, "storage")
    assert int(answer.headers["retry-after"]) > 0


def test_a_fault_of_ours_is_a_problem_that_shows_nothing_of_our_inside(settings: Settings) -> None:
    app = create_app(settings)

    @app.get("/fault")
    def fault() -> None:
        raise RuntimeError("secret")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/fault")

    answer = anyio.run(ask)
    assert_problem(answer, 500, "internal")
    assert "secret" not in answer.text
