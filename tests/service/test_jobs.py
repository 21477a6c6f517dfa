"""Jobs as a client sees them, with their states set from behind."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobs.record import JobError
from service.dependencies import Services
from tests.service.test_bad_input import assert_problem, post
from tests.worker.fake_scorer import MODEL

SECOND = 0.1
RESULT = bytes(range(256)) * 8


def create(client: httpx.Client, clip: Path, **fields: str) -> dict[str, Any]:
    answer = post(client, clip, **fields)
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{body['id']}"
    assert int(answer.headers["retry-after"]) > 0
    return body


def complete(services: Services, job_id: str) -> None:
    attempt = services.records.start(job_id, MODEL)
    with services.store.workspace(job_id) as work:
        (work / "result.mp4").write_bytes(RESULT)
        (work / "curve.json").write_text("{}")
        services.store.publish(job_id, {"video": work / "result.mp4", "curve": work / "curve.json"})
    services.records.complete(job_id, attempt)


@pytest.fixture
def done(client: httpx.Client, services: Services, clip: Path) -> str:
    """The path of a finished job's video."""
    job_id = create(client, clip)["id"]
    complete(services, job_id)
    return f"/v1/jobs/{job_id}/content"


def test_a_new_job_says_what_was_understood(client: httpx.Client, services: Services, clip: Path) -> None:
    job = create(client, clip, prompt="  calm piano ", options='{"seed": 5}')
    assert re.fullmatch("[0-9a-f]{32}", job["id"])
    assert (job["status"], job["progress"], job["queue_position"]) == ("queued", 0.0, 1)
    assert (job["prompt"], job["options"]["seed"]) == ("calm piano", 5)
    assert job["options"]["steps"] is None, "the choice is the model's"
    assert job["video"]["duration"] == pytest.approx(1.0, abs=SECOND)
    assert (job["video"]["width"], job["video"]["height"], job["video"]["video_codec"]) == (64, 48, "h264")
    assert (job["error"], job["content"], job["started_at"]) == (None, {}, None)
    assert job["model"] is None, "whichever worker takes it"
    assert services.store.upload(job["id"]).read_bytes() == clip.read_bytes()


def test_prompt_and_options_may_be_left_out_or_empty(client: httpx.Client, clip: Path) -> None:
    assert create(client, clip)["prompt"] == ""
    assert create(client, clip, prompt="", options=" ")["prompt"] == ""


def test_a_job_can_be_followed(client: httpx.Client, services: Services, clip: Path) -> None:
    first, second = create(client, clip)["id"], create(client, clip)["id"]
    assert client.get(f"/v1/jobs/{second}").json()["queue_position"] == 2
    attempt = services.records.start(first, MODEL)
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
        services.records.start(job_id, MODEL)
    services.records.cancel(job_id)
    assert_problem(client.get(f"/v1/jobs/{job_id}/content"), 410, "no_content")


def test_the_whole_file(client: httpx.Client, done: str) -> None:
    answer = client.get(done)
    assert (answer.status_code, answer.content) == (200, RESULT)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    name = re.fullmatch(r'attachment; filename="([^"]+)"', answer.headers["content-disposition"])
    assert name is not None
    assert re.fullmatch(r"v2m-[0-9a-f]{8}-video\.mp4", name[1]), "never the name of the upload"


def test_head_tells_the_same_without_the_file(client: httpx.Client, done: str) -> None:
    head, get = client.head(done), client.get(done)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "accept-ranges", "content-disposition"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize(
    ("asked", "first", "last"), [("bytes=0-99", 0, 99), ("bytes=2000-", 2000, 2047), ("bytes=-10", 2038, 2047)]
)
def test_a_range(client: httpx.Client, done: str, asked: str, first: int, last: int) -> None:
    answer = client.get(done, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, RESULT[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/2048"


def test_a_download_can_be_resumed_only_of_the_same_file(client: httpx.Client, done: str) -> None:
    etag = client.head(done).headers["etag"]
    same = client.get(done, headers={"Range": "bytes=100-", "If-Range": etag})
    other = client.get(done, headers={"Range": "bytes=100-", "If-Range": '"another"'})
    assert (same.status_code, same.content) == (206, RESULT[100:])
    assert (other.status_code, other.content) == (200, RESULT)


def test_a_range_outside_the_file(client: httpx.Client, done: str) -> None:
    answer = client.get(done, headers={"Range": "bytes=5000-"})
    body = assert_problem(answer, 416, "range_not_satisfiable")
    assert (body["field"], body["limit"]) == ("Range", 2048)
    assert answer.headers["content-range"] == "bytes */2048"


def test_a_malformed_range(client: httpx.Client, done: str) -> None:
    assert_problem(client.get(done, headers={"Range": "lines=1-2"}), 400, "malformed_range")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_a_file_that_the_client_has(client: httpx.Client, done: str, method: str, form: str) -> None:
    etag = client.head(done).headers["etag"]
    answer = client.request(method, done, headers={"If-None-Match": form.format(etag)})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    other = client.request(method, done, headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


def test_a_variant_that_the_job_lacks(client: httpx.Client, done: str) -> None:
    assert assert_problem(client.get(done, params={"variant": "midi"}), 404, "unknown_variant")["field"] == "variant"


def test_a_variant_that_does_not_exist(client: httpx.Client, done: str) -> None:
    answer = client.get(done, params={"variant": "../upload"})
    assert assert_problem(answer, 422, "invalid_request")["field"] == "variant"
