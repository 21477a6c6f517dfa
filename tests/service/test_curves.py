"""Asking for the event curve of a video alone, with a real worker behind the API."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from jobs.infra.settings import Settings
from service.dependencies import Services
from tests.processes import start_worker, until
from tests.service.conftest import assert_problem, jobs_in, stored


@pytest.fixture
def worker(redis: Redis, settings: Settings) -> Iterator[None]:
    process = start_worker(settings, redis)
    yield
    process.kill()
    process.wait()


def ask(client: httpx.Client, clip: Path, **fields: str) -> httpx.Response:
    with clip.open("rb") as video:
        return client.post("/v1/curves", files={"video": video}, data=fields)


def ended(client: httpx.Client, location: str) -> dict[str, Any]:
    def job() -> dict[str, Any] | None:
        body: dict[str, Any] = client.get(location).json()
        return body if body["finished_at"] else None

    return until(job, "the job to end")


@pytest.mark.usefixtures("worker")
def test_a_curve_from_the_video_to_the_file(client: httpx.Client, clip: Path) -> None:
    answer = ask(client, clip)
    assert (answer.status_code, answer.json()["kind"], answer.json()["eta_s"]) == (202, "curve", None)
    location = answer.headers["location"]
    assert location == f"/v1/jobs/{answer.json()['id']}"
    job = ended(client, location)
    assert (job["status"], job["progress"]) == ("completed", 1.0)
    assert job["content"] == {"curve": f"{location}/content?variant=curve"}
    assert set(client.get(job["content"]["curve"]).json()) == {"video"}
    refusal = assert_problem(client.get(f"{location}/content"), 404, "unknown_variant")
    assert refusal["detail"] == "The job has no result for variant=video. It has curve."
    again = ask(client, clip)
    assert again.json()["eta_s"] is not None, "by now it is known how long one takes"
    assert ended(client, again.headers["location"])["eta_s"] is None


@pytest.mark.parametrize("field", ["prompt", "options"])
def test_what_is_for_music_is_not_taken(
    client: httpx.Client, services: Services, clip: Path, redis: Redis, field: str
) -> None:
    assert assert_problem(ask(client, clip, **{field: ""}), 422, "unknown_field")["field"] == field
    assert (stored(services.settings), jobs_in(redis)) == ([], [])


def test_bad_input_is_refused_as_for_a_score(
    client: httpx.Client, services: Services, tmp_path: Path, redis: Redis
) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("no video")
    assert_problem(ask(client, text), 415, "not_a_video")
    assert_problem(client.post("/v1/curves", json={}), 415, "unsupported_media_type")
    assert_problem(client.post("/v1/curves", files={"clip": b"x"}), 422, "unknown_field")
    assert (stored(services.settings), jobs_in(redis)) == ([], [])
