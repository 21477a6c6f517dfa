"""What the API tells Prometheus."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from structlog.testing import capture_logs

from cli.stack import RedisServer
from jobs.infra.processes import record_heartbeat
from jobs.infra.redis_connection import connect
from jobs.infra.settings import Settings
from jobs.record import JobRecord
from jobs.store import ArtifactStore, StoreError
from model_core.options import ScoreOptions
from service.app import create_app
from service.dependencies import Services
from service.metrics import StateCollector
from tests.conftest import MakeSettings
from tests.jobs.webhook_receiver import SECRET, run_receiver, status, webhook_of
from tests.processes import until
from tests.service.conftest import Serve, post
from tests.worker.fake_scorer import MODEL

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number: int = listener.getsockname()[1]
        return number


def scraped(port: int) -> Samples:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def sample(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, tuple(sorted(labels.items()))))


def test_requests_are_counted_by_their_route(serve: Serve, make_settings: MakeSettings, port: int, clip: Path) -> None:
    client = serve(make_settings(metrics_port=port))
    job = post(client, clip).json()["id"]
    for path in (f"/v1/jobs/{job}", f"/v1/jobs/{'0' * 32}", f"/v1/jobs/{job}", "/nowhere", "/healthz"):
        client.get(path)
    client.request("BREW", "/nowhere")
    found = scraped(port)
    counts = {
        tuple(dict(labels)[name] for name in ("method", "route", "status")): value
        for (name, labels), value in found.items()
        if name == "v2m_http_request_seconds_count"
    }
    assert counts == {
        ("POST", "/v1/jobs", "202"): 1,
        ("GET", "/v1/jobs/{job_id}", "200"): 2,
        ("GET", "/v1/jobs/{job_id}", "404"): 1,
        ("GET", "none", "404"): 1,
        ("GET", "/healthz", "200"): 1,
        ("other", "none", "404"): 1,
    }
    assert clip.stat().st_size < (sample(found, "v2m_upload_bytes_total") or 0) < clip.stat().st_size + 2000
    assert sample(found, "process_resident_memory_bytes")


def test_streams_are_not_among_the_requests(serve: Serve, make_settings: MakeSettings, port: int, clip: Path) -> None:
    client = serve(make_settings(metrics_port=port))
    job = post(client, clip).json()["id"]
    with client.stream("GET", f"/v1/jobs/{job}/events") as stream:
        next(stream.iter_lines())
        client.delete(f"/v1/jobs/{job}")
    assert client.get(f"/v1/jobs/{job}/events").status_code == 404
    found = scraped(port)
    route = "/v1/jobs/{job_id}/events"
    assert sample(found, "v2m_http_request_seconds_count", method="GET", route=route, status="404") == 1
    assert sample(found, "v2m_http_request_seconds_count", method="GET", route=route, status="200") is None


def test_refusals_are_counted_by_the_type_of_their_problem(
    serve: Serve, make_settings: MakeSettings, port: int, clip: Path
) -> None:
    client = serve(make_settings(metrics_port=port, max_upload_bytes=clip.stat().st_size))
    client.get("/nowhere")
    post(client, clip, prompt="x" * 2000)
    post(client, clip, prompt="x" * 2000)
    client.post("/v1/jobs", content=bytes(2**22))
    found = scraped(port)
    assert {dict(labels)["type"]: value for (name, labels), value in found.items() if name == "v2m_problems_total"} == {
        "not_found": 1,
        "too_long": 2,
        "upload_too_large": 1,
    }


def test_a_fault_of_ours_counts_as_one(settings: Settings) -> None:
    app = create_app(settings)

    @app.get("/fault/{what}")
    def fault(what: str) -> None:
        raise RuntimeError(what)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/fault/any")

    assert anyio.run(ask).status_code == 500
    registry = app.state.metrics.registry
    labels = {"method": "GET", "route": "/fault/{what}", "status": "500"}
    assert registry.get_sample_value("v2m_http_request_seconds_count", labels) == 1
    assert registry.get_sample_value("v2m_problems_total", {"type": "internal"}) == 1


def test_the_state_behind_the_api_is_told(
    serve: Serve, make_settings: MakeSettings, services: Services, port: int, tmp_path: Path, redis: Redis
) -> None:
    serve(make_settings(metrics_port=port))
    records = [JobRecord.new("", ScoreOptions(), {}) for _ in range(3)]
    for record in records:
        services.queue.submit(record)
    jobs = [record.id for record in records]
    upload = tmp_path / "upload"
    upload.write_bytes(bytes(5000))
    services.store.put_upload(jobs[0], upload)
    redis.lrem("rq:queue:v2m", 0, jobs[0])
    services.records.start(jobs[0], MODEL, "somebody")
    redis.hset(services.records.key(jobs[1]), "created_at", '"2026-01-01T00:00:00Z"')
    record_heartbeat(redis, "somebody")
    redis.zadd("v2m:workers", {"dead": 1.0})
    found = scraped(port)
    assert sample(found, "v2m_redis_up") == 1
    assert sample(found, "v2m_jobs", status="queued") == 2
    assert sample(found, "v2m_jobs", status="in_progress") == 1
    assert (sample(found, "v2m_queue_oldest_seconds") or 0) > 24 * 3600
    assert sample(found, "v2m_workers") == 1
    assert sample(found, "v2m_store_used_bytes") == 5000
    assert (sample(found, "v2m_store_free_bytes") or 0) > 0
    assert redis.zcard("v2m:workers") == 2, "asking changes nothing"


def test_an_empty_queue_has_no_oldest_job(make_settings: MakeSettings, services: Services) -> None:
    assert collected(services) >= {("v2m_redis_up", 1), ("v2m_queue_oldest_seconds", 0), ("v2m_workers", 0)}


def collected(services: Services) -> set[tuple[str, float]]:
    with closing(StateCollector(services)) as collector:
        return {(sample.name, sample.value) for family in collector.collect() for sample in family.samples}


def test_a_store_with_a_quota_is_not_counted_again(make_settings: MakeSettings, redis: Redis) -> None:
    with closing(Services.open(make_settings(store_max_bytes=10**9))) as services:
        assert "v2m_store_used_bytes" not in dict(collected(services)), "nobody has counted yet"
        services.retention.make_room(7000)
        assert dict(collected(services))["v2m_store_used_bytes"] == 7000


def test_without_redis_the_rest_is_told(make_settings: MakeSettings, tmp_path: Path) -> None:
    with closing(Services.open(make_settings(redis_url=f"unix://{tmp_path}/nobody.sock"))) as services:
        found = dict(collected(services))
    assert found.keys() == {"v2m_redis_up", "v2m_store_free_bytes", "v2m_store_used_bytes"}
    assert found["v2m_redis_up"] == 0


@pytest.fixture
def own_redis() -> Iterator[tuple[str, Callable[[signal.Signals], None]]]:
    """A server to send signals to: its URL, and how to."""
    with tempfile.TemporaryDirectory(prefix="v2m-") as folder:
        server = RedisServer(Path(folder))
        process = subprocess.Popen(server.command())
        with connect(server.url) as redis:
            until(server.socket.exists, "the server")
            redis.ping()
        yield server.url, lambda number: os.kill(process.pid, number)
        process.kill()
        process.wait()


def test_a_redis_that_hangs_costs_a_scrape_a_second(
    make_settings: MakeSettings, own_redis: tuple[str, Callable[[signal.Signals], None]]
) -> None:
    url, send = own_redis
    with closing(Services.open(make_settings(redis_url=url))) as services:
        assert ("v2m_redis_up", 1) in collected(services)
        send(signal.SIGSTOP)
        began = time.monotonic()
        assert ("v2m_redis_up", 0) in collected(services)
        assert time.monotonic() - began < 10, "a safety net only: it is about one second"


def test_a_store_that_does_not_answer_is_left_out(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_store: ArtifactStore) -> int | None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(ArtifactStore, "free_bytes", broken)
    with capture_logs() as events:
        names = {name for name, _ in collected(services)}
    assert "v2m_redis_up" in names
    assert "v2m_store_free_bytes" not in names
    assert [event["event"] for event in events] == ["metrics_without_store"]


def test_apps_in_one_process_count_apart(serve: Serve, make_settings: MakeSettings, port: int) -> None:
    first, second = serve(make_settings(metrics_port=port)), serve(make_settings())
    second.get("/healthz")
    first.get("/readyz")
    labels = [dict(labels) for name, labels in scraped(port) if name == "v2m_http_request_seconds_count"]
    assert [label["route"] for label in labels] == ["/readyz"]


def test_a_port_in_use_does_not_stop_the_api(serve: Serve, make_settings: MakeSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, capture_logs() as events:
        client = serve(make_settings(metrics_port=taken.getsockname()[1]))
        assert client.get("/healthz").status_code == 200
    assert "metrics_not_served" in [event["event"] for event in events]


def test_an_app_that_is_not_started_opens_nothing(make_settings: MakeSettings, port: int) -> None:
    create_app(make_settings(metrics_port=port))
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")


def tries(redis: Redis, job_id: str) -> int:
    return webhook_of(redis, job_id).attempts


def test_webhooks_are_counted_by_how_they_came_out(
    serve: Serve, make_settings: MakeSettings, port: int, redis: Redis, clip: Path
) -> None:
    client = serve(make_settings(metrics_port=port, webhook_secret=SECRET, webhook_private=True))
    with run_receiver() as receiver:
        receiver.answers = [status(500), status(200)]
        for _ in range(2):
            job = post(client, clip, webhook=receiver.url()).json()["id"]
            client.post(f"/v1/jobs/{job}/cancel")
            until(partial(tries, redis, job), "the first try")
    found = scraped(port)
    assert sample(found, "v2m_webhooks_total", result="failed") == 1
    assert sample(found, "v2m_webhooks_total", result="delivered") == 1
    assert sample(found, "v2m_webhooks_waiting") == 1
