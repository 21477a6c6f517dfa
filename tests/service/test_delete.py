"""Deleting a job over HTTP. What may not come back is tested with the worker."""

from pathlib import Path

import httpx
import pytest

from jobs.store import ArtifactStore, StoreError
from service.dependencies import Services
from tests.service.conftest import assert_problem, complete, create, start, stored


def assert_gone(client: httpx.Client, job_id: str) -> None:
    path = f"/v1/jobs/{job_id}"
    for method, route in (
        ("GET", path), ("DELETE", path), ("POST", f"{path}/cancel"), ("GET", f"{path}/events"),
        ("GET", f"{path}/content"), ("GET", f"{path}/content?variant=curve"),
    ):  # fmt: skip
        assert_problem(client.request(method, route), 404, "unknown_job")
    assert client.head(path).status_code == 404
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_a_finished_job_goes_with_its_files(client: httpx.Client, services: Services, clip: Path) -> None:
    job_id = create(client, clip)["id"]
    complete(services, job_id)
    assert stored(services.settings) != []
    answer = client.delete(f"/v1/jobs/{job_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert_gone(client, job_id)
    assert stored(services.settings) == []


def test_a_queued_job_is_never_run(client: httpx.Client, services: Services, clip: Path) -> None:
    job_id = create(client, clip)["id"]
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert_gone(client, job_id)
    assert (stored(services.settings), services.queue.list_waiting(), services.queue.counts()["in_progress"]) == (
        [],
        [],
        0,
    )


def test_a_job_in_progress_must_be_canceled_first(client: httpx.Client, services: Services, clip: Path) -> None:
    job_id = create(client, clip)["id"]
    attempt = start(services, job_id)
    assert "Cancel it" in assert_problem(client.delete(f"/v1/jobs/{job_id}"), 409, "in_progress")["detail"]
    assert client.get(f"/v1/jobs/{job_id}").json()["cancel_requested"] is False
    services.records.cancel(job_id, attempt)
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert_gone(client, job_id)


def test_a_store_that_does_not_work_does_not_keep_the_job(
    client: httpx.Client, services: Services, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = create(client, clip)["id"]

    def broken(store: ArtifactStore, job_id: str) -> None:
        raise StoreError("the disk is away")

    monkeypatch.setattr(ArtifactStore, "remove", broken)
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert_gone(client, job_id)


@pytest.mark.parametrize("job_id", ["0" * 32, "..", "x"])
def test_an_unknown_job(client: httpx.Client, job_id: str) -> None:
    assert client.delete(f"/v1/jobs/{job_id}").status_code in (404, 405)
