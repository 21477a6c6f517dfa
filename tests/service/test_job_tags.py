"""A job asked for by who has seen it already."""

from pathlib import Path

import httpx

from jobs.estimates import Paces
from service.dependencies import Services
from tests.service.conftest import create, start


def test_what_is_known_is_not_sent_again(client: httpx.Client, services: Services, clip: Path) -> None:
    path = f"/v1/jobs/{create(client, clip)['id']}"
    first = client.get(path)
    etag = first.headers["etag"]
    for method in ("GET", "HEAD"):
        for form in ("{}", '"other", {}', "*"):
            answer = client.request(method, path, headers={"If-None-Match": form.format(etag)})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
            assert (answer.headers["cache-control"], answer.headers["retry-after"]) == ("no-store", "1")
        assert client.request(method, path, headers={"If-None-Match": '"other"'}).status_code == 200
    strong = client.get(path, headers={"If-None-Match": etag.removeprefix("W/")})
    assert strong.status_code == 304


def test_every_change_is_another_tag(client: httpx.Client, services: Services, clip: Path) -> None:
    create(client, clip)
    job_id = create(client, clip)["id"]
    path = f"/v1/jobs/{job_id}"
    tags = [client.get(path).headers["etag"]]

    def changed() -> int:
        answer = client.get(path, headers={"If-None-Match": tags[-1]})
        tags.append(answer.headers["etag"])
        return answer.status_code

    assert changed() == 304
    services.queue.remove(services.queue.list_waiting()[0])
    assert changed() == 200, "it moved up in the queue"
    attempt = start(services, job_id)
    assert changed() == 200
    services.records.advance(job_id, attempt, "generate", 0.5)
    assert changed() == 200
    services.records.cancel(job_id, attempt)
    assert changed() == 200
    assert changed() == 304
    assert len(set(tags)) == 5
    assert "retry-after" not in client.get(path, headers={"If-None-Match": "*"}).headers


def test_a_new_estimate_is_no_change(client: httpx.Client, services: Services, clip: Path) -> None:
    job_id = create(client, clip)["id"]
    start(services, job_id)
    before = client.get(f"/v1/jobs/{job_id}")
    record = services.records.get(job_id)
    assert record is not None
    Paces(services.redis, services.records, 60).record(record, {"generate": 30.0})
    after = client.get(f"/v1/jobs/{job_id}")
    assert (before.json()["eta_s"], after.json()["eta_s"]) == (None, 30.0)
    assert before.headers["etag"] == after.headers["etag"]


def test_head(client: httpx.Client, clip: Path) -> None:
    path = f"/v1/jobs/{create(client, clip)['id']}"
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    for field in ("etag", "cache-control", "retry-after", "content-type", "content-length"):
        assert head.headers[field] == get.headers[field]
    assert client.head(f"/v1/jobs/{'0' * 32}").status_code == 404
