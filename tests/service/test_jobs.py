"""Jobs as a client sees them, with their states set from behind."""

import re
from pathlib import Path

import httpx
import pytest

from jobs.record import JobError
from service.dependencies import Services
from tests.service.conftest import assert_problem, complete, create, start, stored

SECOND = 0.1


@pytest.fixture
def done(client: httpx.Client, services: Services, clip: Path) -> str:
    """The path of a finished job's video."""
    job_id = create(client, clip)["id"]
    complete(services, job_id)
    return f"/v1/jobs/{job_id}/content"


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", '"utf-8"'])
def test_a_form_may_say_that_it_is_in_utf_8(client: httpx.Client, clip: Path, charset: str) -> None:
    fields = {"video": ("a", clip.read_bytes()), "prompt": (None, "café".encode())}
    form = client.build_request("POST", "/v1/jobs", files=fields)
    form.headers["Content-Type"] += f"; charset={charset}"
    assert client.send(form).json()["prompt"] == "café"


def test_a_new_job_says_what_was_understood(client: httpx.Client, services: Services, clip: Path) -> None:
    client.headers["x-request-id"] = request_id = "of-this-test"
    job = create(client, clip, prompt="  calm piano ", options='{"seed": 5}')
    assert re.fullmatch("[0-9a-f]{32}", job["id"])
    assert (job["status"], job["progress"], job["queue_position"]) == ("queued", 0.0, 1)
    assert (job["prompt"], job["options"]["seed"]) == ("calm piano", 5)
    assert job["options"]["steps"] is None, "the choice is the model's"
    assert job["video"]["duration"] == pytest.approx(1.0, abs=SECOND)
    assert (job["video"]["width"], job["video"]["height"], job["video"]["video_codec"]) == (64, 48, "h264")
    assert (job["error"], job["content"], job["started_at"]) == (None, {}, None)
    assert (job["cancel_requested"], job["expired_at"]) == (False, None)
    assert not {"attempt", "worker", "artifacts", "request_id", "crashes", "retries"} & set(job), "ours alone"
    assert job["model"] is None, "whichever worker takes it"
    with services.store.upload(job["id"]) as upload:
        assert upload.read_bytes() == clip.read_bytes()
    assert stored(services.settings) == [f"jobs/{job['id']}/upload"]
    record = services.records.get(job["id"])
    assert record is not None
    assert record.upload_bytes == clip.stat().st_size
    assert record.request_id == request_id


def test_control_characters_are_removed_from_prompts(client: httpx.Client, clip: Path) -> None:
    job = create(client, clip, prompt="calm\x00 \u202epiano\x1b", options='{"negative_prompt": "\\u0007drums"}')
    assert job["prompt"] == "calm piano"
    assert job["options"]["negative_prompt"] == "drums"


def test_prompt_and_options_may_be_left_out_or_empty(client: httpx.Client, clip: Path) -> None:
    assert create(client, clip)["prompt"] == ""
    assert create(client, clip, prompt="", options=" ")["prompt"] == ""


def test_a_job_can_be_followed(client: httpx.Client, services: Services, clip: Path) -> None:
    first, second = create(client, clip)["id"], create(client, clip)["id"]
    assert client.get(f"/v1/jobs/{second}").json()["queue_position"] == 2
    attempt = start(services, first)
    services.records.advance(first, attempt, "generate", 0.5)
    answer = client.get(f"/v1/jobs/{first}")
    job = answer.json()
    assert (job["status"], job["stage"], job["progress"]) == ("in_progress", "generate", 0.5)
    assert job["queue_position"] is None
    assert job["started_at"].endswith("Z")
    assert job["model"] == {"name": "fake", "version": "1", "kind": "none", "licence": "CC0-1.0", "base": None}
    assert answer.headers["cache-control"] == "no-store"
    assert "retry-after" in answer.headers


def test_a_finished_job_lists_its_results(client: httpx.Client, done: str) -> None:
    answer = client.get(done.removesuffix("/content"))
    job = answer.json()
    assert (job["status"], job["progress"], job["model"]["name"]) == ("completed", 1.0, "fake")
    assert job["content"] == {name: f"{done}?variant={name}" for name in ("video", "curve")}
    assert "retry-after" not in answer.headers
    assert client.get(job["content"]["curve"]).json() == {}


def test_a_failed_job_says_why(client: httpx.Client, services: Services, clip: Path) -> None:
    job_id = create(client, clip)["id"]
    services.records.fail(job_id, JobError(code="no_frames", detail="holds no frame", field="video"))
    job = client.get(f"/v1/jobs/{job_id}").json()
    assert job["status"] == "failed"
    assert job["error"] == {"code": "no_frames", "detail": "holds no frame", "field": "video"}
    assert_problem(client.get(f"/v1/jobs/{job_id}/content"), 410, "no_content")


def test_results_are_not_there_before_the_end(client: httpx.Client, services: Services, clip: Path) -> None:
    job_id = create(client, clip)["id"]
    for _ in range(2):
        answer = client.get(f"/v1/jobs/{job_id}/content")
        assert_problem(answer, 409, "not_completed")
        assert "retry-after" in answer.headers
        if answer.json()["detail"].startswith("The job is queued"):
            attempt = start(services, job_id)
    services.records.cancel(job_id, attempt)
    assert_problem(client.get(f"/v1/jobs/{job_id}/content"), 410, "no_content")


def test_a_job_that_waits_is_canceled_at_once(client: httpx.Client, services: Services, clip: Path) -> None:
    job_id = create(client, clip)["id"]
    for _ in range(2):
        answer = client.post(f"/v1/jobs/{job_id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "canceled")
    assert services.queue.position(job_id) is None


def test_a_job_in_progress_is_asked_to_stop(client: httpx.Client, services: Services, clip: Path) -> None:
    job_id = create(client, clip)["id"]
    attempt = start(services, job_id)
    for _ in range(2):
        answer = client.post(f"/v1/jobs/{job_id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "in_progress")
        assert answer.json()["cancel_requested"] is True
    services.records.cancel(job_id, attempt)
    answer = client.post(f"/v1/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "canceled")


def test_a_job_that_is_over_cannot_be_canceled(client: httpx.Client, services: Services, clip: Path) -> None:
    done, failed = create(client, clip)["id"], create(client, clip)["id"]
    complete(services, done)
    services.records.fail(failed, JobError(code="no_frames", detail="holds no frame"))
    for job_id in (done, failed):
        before = client.get(f"/v1/jobs/{job_id}").json()
        assert_problem(client.post(f"/v1/jobs/{job_id}/cancel"), 409, "already_over")
        assert client.get(f"/v1/jobs/{job_id}").json() == before
    assert_problem(client.post(f"/v1/jobs/{'0' * 32}/cancel"), 404, "unknown_job")
