"""Each method does what its route does, on a real API; the test does the worker's part."""

import json
from pathlib import Path

import httpx
import pytest

from service.dependencies import Services
from tests.service.conftest import RESULT, complete, start
from v2m_client import ApiError, Client, Job


def test_a_job_from_the_upload_to_its_files(client: Client, services: Services, clip: Path, tmp_path: Path) -> None:
    sent: list[tuple[int, int | None]] = []
    made = client.submit(clip, "calm", {"seed": 7}, on_sent=lambda now, total: sent.append((now, total)))
    size = clip.stat().st_size
    assert sent[-1] == (size, size)
    assert (made.status, made.kind, made.prompt, made.options["seed"]) == ("queued", "score", "calm", 7)
    assert made.video["duration"] == pytest.approx(1.0, abs=0.1)
    assert client.get(made.id).queue_position == 1

    seen: list[Job] = []

    def on_change(job: Job) -> None:
        seen.append(job)
        if not job.is_over:
            complete(services, made.id)

    done = client.wait(made.id, on_change)
    assert [job.status for job in seen] == ["queued", "completed"]
    assert (done.status, sorted(done.content)) == ("completed", ["curve", "video"])
    assert done.model is not None
    assert done.model.name == "fake"

    about = client.content(made.id)
    assert (about.name, about.bytes, about.media_type) == (f"v2m-{made.id[:8]}-video.mp4", len(RESULT), "video/mp4")
    target = tmp_path / "out.mp4"
    target.write_bytes(b"what was there before")
    assert client.download(made.id, to=target) == target
    assert target.read_bytes() == RESULT
    assert json.loads(client.download(made.id, "curve", to=tmp_path / "curve.json").read_text()) == {}
    assert sorted(path.name for path in tmp_path.glob(".*")) == [], "no file in the making is left"


def test_a_large_upload_is_read_in_pieces(client: Client, tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(3_000_000))
    sent: list[int] = []
    with pytest.raises(ApiError) as refused:
        client.submit(large, on_sent=lambda now, _total: sent.append(now))
    assert (refused.value.status, refused.value.kind, refused.value.field) == (415, "not_a_video", "video")
    assert max(after - before for before, after in zip([0, *sent], sent, strict=False)) <= 1 << 20


def test_all_jobs_page_by_page(client: Client, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("v2m_client.client._PAGE", 2)
    assert list(client.jobs()) == []
    made = [client.submit(clip).id for _ in range(5)]
    assert [job.id for job in client.jobs()] == made[::-1]


def test_cancel_and_delete(client: Client, services: Services, clip: Path) -> None:
    waiting = client.submit(clip)
    assert client.cancel(waiting.id).status == "canceled"
    running = client.submit(clip)
    start(services, running.id)
    with pytest.raises(ApiError) as refused:
        client.delete(running.id)
    assert (refused.value.status, refused.value.kind) == (409, "in_progress")
    assert client.cancel(running.id).cancel_requested
    client.delete(waiting.id)
    for gone in (lambda: client.delete(waiting.id), lambda: client.get(waiting.id)):
        with pytest.raises(ApiError) as refused:
            gone()
        assert (refused.value.status, refused.value.kind) == (404, "unknown_job")


def test_a_curve_alone(client: Client, clip: Path) -> None:
    made = client.submit_curve(clip)
    assert (made.kind, made.status) == ("curve", "queued")


def test_links_work_without_the_client(client: Client, services: Services, clip: Path) -> None:
    made = client.submit(clip)
    complete(services, made.id)
    links = client.links(made.id)
    assert sorted(links.content) == ["curve", "video"]
    assert httpx.get(links.content["video"]).content == RESULT
    assert httpx.head(links.content["video"]).headers["Content-Length"] == str(len(RESULT))
    assert "event: job" in httpx.get(links.events).text
    assert httpx.head(links.events).status_code == 405, "as docs/api.md says"


def test_the_events_of_a_job(client: Client, services: Services, clip: Path) -> None:
    made = client.submit(clip)
    seen = []
    for job in client.events(made.id):
        seen.append(job.status)
        if job.status == "queued":
            complete(services, made.id)
    assert (seen[0], seen[-1]) == ("queued", "completed")
    assert [job.status for job in client.events(made.id)] == ["completed"], "over already: told once, and the end"
