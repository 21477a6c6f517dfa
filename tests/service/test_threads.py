"""Those who wait for something keep nobody else from being looked at or answered."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from jobs.repository import JobRecords
from tests.conftest import MakeSettings
from tests.service.conftest import Serve, assert_problem, create, post

OF_ROUTES = 40  # anyio's, which FastAPI takes for all plain functions


@pytest.fixture
def busy(
    serve: Serve, make_settings: MakeSettings, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[httpx.Client]:
    """A client of an API whose queue is full, all of whose threads for routes wait."""
    client = serve(make_settings(rate_limit="1000/hour", max_queued=1))
    create(client, clip)
    release, waiting = threading.Event(), threading.Semaphore(0)

    def hang(*_: object) -> list[object]:
        waiting.release()
        release.wait(60)
        return []

    monkeypatch.setattr(JobRecords, "list_page", hang)
    limits = httpx.Limits(max_connections=None)
    with (
        httpx.Client(base_url=client.base_url, timeout=60, limits=limits) as many,
        ThreadPoolExecutor(OF_ROUTES) as pool,
    ):
        lists = [pool.submit(many.get, "/v1/jobs") for _ in range(OF_ROUTES)]
        try:
            for _ in lists:
                assert waiting.acquire(timeout=60)
            yield client
            assert not any(one.done() for one in lists), "they waited all the time"
        finally:
            release.set()
        assert {one.result().status_code for one in lists} == {200}


def test_who_asks_whether_it_lives_waits_for_nobody(busy: httpx.Client) -> None:
    for method in ("GET", "HEAD"):
        assert busy.request(method, "/healthz", timeout=20).status_code == 200


def test_nor_does_the_gate(busy: httpx.Client, clip: Path) -> None:
    busy.timeout = httpx.Timeout(20)
    assert_problem(busy.get("/nowhere"), 404, "not_found")
    assert_problem(busy.get("/v1/jobs/x/content?variant=video&expires=9&signature=A"), 401, "unauthorized")
    assert_problem(post(busy, clip), 503, "queue_full")
