"""The list of jobs."""

from pathlib import Path

import httpx
import pytest

from jobs.record import JobRecord
from model_core.options import ScoreOptions
from service.dependencies import Services
from tests.service.conftest import assert_problem, complete, create, start


def queued(services: Services, count: int) -> list[str]:
    """The ids of new jobs, the newest first."""
    made = [JobRecord.new("", ScoreOptions(), {"duration": 1.0}) for _ in range(count)]
    for record in made:
        services.queue.submit(record)
    return [record.id for record in reversed(made)]


def listed(client: httpx.Client, **params: str | int) -> tuple[list[str], str | None]:
    answer = client.get("/v1/jobs", params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return [job["id"] for job in answer.json()["jobs"]], answer.json()["next_cursor"]


def test_no_jobs(client: httpx.Client) -> None:
    assert client.get("/v1/jobs").json() == {"jobs": [], "next_cursor": None}


def test_jobs_are_shown_as_by_themselves(client: httpx.Client, services: Services, clip: Path) -> None:
    done, busy, waiting, last = [create(client, clip)["id"] for _ in range(4)]
    complete(services, done)
    start(services, busy)
    services.queue.remove(done)
    services.queue.remove(busy)
    jobs = client.get("/v1/jobs").json()["jobs"]
    assert [(job["id"], job["status"], job["queue_position"]) for job in jobs] == [
        (last, "queued", 2), (waiting, "queued", 1), (busy, "in_progress", None), (done, "completed", None)
    ]  # fmt: skip
    assert jobs == [client.get(f"/v1/jobs/{job['id']}").json() for job in jobs]


def test_pages(client: httpx.Client, services: Services) -> None:
    ids = queued(services, 23)
    assert listed(client)[0] == ids[:20]
    pages, cursor = [], None
    while True:
        page, cursor = listed(client, limit=5, **({} if cursor is None else {"cursor": cursor}))
        pages.append(page)
        queued(services, 1)  # in front of them all
        if cursor is None:
            break
    assert pages == [ids[:5], ids[5:10], ids[10:15], ids[15:20], ids[20:]]


def test_the_last_page_may_be_full(client: httpx.Client, services: Services) -> None:
    ids = queued(services, 4)
    assert listed(client, limit=4) == (ids, None)
    first, cursor = listed(client, limit=2)
    assert cursor is not None
    services.retention.delete(services.records.get(first[-1]))  # type: ignore[arg-type]
    assert listed(client, limit=2, cursor=cursor) == (ids[2:], None)


def test_a_page_asks_for_the_queue_once(client: httpx.Client, services: Services) -> None:
    queued(services, 30)
    services.redis.config_resetstat()
    assert len(listed(client, limit=30)[0]) == 30
    calls = services.redis.info("commandstats")
    assert calls["cmdstat_lrange"]["calls"] == 1
    assert "cmdstat_lpos" not in calls


@pytest.mark.parametrize("limit", ["0", "101", "-1", "many"])
def test_a_limit_out_of_range(client: httpx.Client, limit: str) -> None:
    assert assert_problem(client.get("/v1/jobs", params={"limit": limit}), 422, "invalid_request")["field"] == "limit"


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "ä", "AAAA", "bm9uZQ==", "MTIzIDQ1Ng==", "a" * 5000, f"{'MS41IC4uL2V0Yy9wYXNzd2Q='}", "bmFuIDAw"],
)
def test_a_cursor_that_is_none(client: httpx.Client, services: Services, cursor: str) -> None:
    queued(services, 3)
    answer = client.get("/v1/jobs", params={"cursor": cursor})
    assert assert_problem(answer, 422, "invalid_cursor")["field"] == "cursor"
    _, real = listed(client, limit=1)
    assert real is not None
    assert_problem(client.get("/v1/jobs", params={"cursor": real[:-4]}), 422, "invalid_cursor")
