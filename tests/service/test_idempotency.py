"""A request to make a job that is sent again gets the same job."""

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

import httpx
import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from jobs.idempotency import CreatedJob, KeyLease
from jobs.infra.settings import Settings
from jobs.queue import JobQueue
from jobs.record import JobRecord
from service import idempotency
from service.dependencies import Services
from tests.conftest import MakeSettings
from tests.processes import ROOT, environment, until
from tests.service import raw
from tests.service.conftest import Serve, assert_problem, complete, losing_the_answer, stored
from tests.video_factory import make_clip

KEY: Final = "5d0a4f4e-6c1c-4d0e-9d5b-1f2f0c4b7a11"
STORED: Final = f"v2m:idempotency::{KEY}"
THREADS: Final = 16


def ask(client: httpx.Client, video: Path, key: str = KEY, name: str = "a.mp4", **fields: str) -> httpx.Response:
    """Asks for a job with a key."""
    files = {"video": (name, video.read_bytes(), "video/mp4")}
    return client.post("/v1/jobs", files=files, data=fields, headers={"Idempotency-Key": key})


def made(answer: httpx.Response, *, again: bool) -> str:
    """The id of the job, which was there already or not."""
    assert answer.status_code == 202, answer.text
    assert answer.headers.get("idempotent-replayed") == ("true" if again else None)
    job_id: str = answer.json()["id"]
    assert answer.headers["location"] == f"/v1/jobs/{job_id}"
    return job_id


def in_redis(redis: Redis) -> list[str]:
    """The ids of all jobs."""
    return [str(key, "ascii").removeprefix("v2m:job:") for key in cast("list[bytes]", redis.keys("v2m:job:*"))]


@contextmanager
def half_sent(client: httpx.Client, clip: Path) -> Iterator[Callable[[], str]]:
    """An upload with the key, of which half has arrived; the function sends the rest and returns the answer."""
    form = client.build_request("POST", "/v1/jobs", files={"video": clip.read_bytes()})
    body = form.read()
    headers = {name: form.headers[name] for name in ("content-type", "content-length")}
    with raw.line(client) as line:
        line.sendall(raw.head("/v1/jobs", {**headers, "Idempotency-Key": KEY}) + body[: len(body) // 2])

        def rest() -> str:
            line.sendall(body[len(body) // 2 :])
            return raw.answer(line)

        yield rest


def test_the_same_request_again_gets_the_same_job(
    client: httpx.Client, settings: Settings, redis: Redis, clip: Path
) -> None:
    first = ask(client, clip, prompt="calm", options='{"seed": 1, "sync": 1}')
    job_id = made(first, again=False)
    assert first.json()["upload_sha256"] == hashlib.sha256(clip.read_bytes()).hexdigest()
    again = ask(client, clip, name="b.mov", prompt=" calm ", options='{"sync": 1.0, "seed": 1, "steps": null}')
    assert made(again, again=True) == job_id
    assert again.json() == first.json()
    assert in_redis(redis) == [job_id]
    assert stored(settings) == [f"jobs/{job_id}/upload"]
    assert made(ask(client, clip, key="another", prompt="calm"), again=False) != job_id


def test_the_answer_tells_the_job_as_it_is_now(client: httpx.Client, services: Services, clip: Path) -> None:
    job_id = made(ask(client, clip), again=False)
    complete(services, job_id)
    again = ask(client, clip)
    assert made(again, again=True) == job_id
    assert again.json()["status"] == "completed"
    assert again.json() == client.get(f"/v1/jobs/{job_id}").json()
    assert "retry-after" not in again.headers


@pytest.mark.parametrize("other", [{"prompt": "wild"}, {"prompt": "calm", "options": '{"seed": 8}'}, {}])
def test_the_key_of_another_request_is_refused(
    client: httpx.Client, redis: Redis, clip: Path, other: dict[str, str]
) -> None:
    job_id = made(ask(client, clip, prompt="calm"), again=False)
    assert assert_problem(ask(client, clip, **other), 422, "idempotency_key_reused")["field"] == "Idempotency-Key"
    assert in_redis(redis) == [job_id]


def test_the_key_of_another_video_is_refused(client: httpx.Client, clip: Path, tmp_path: Path) -> None:
    other = make_clip(tmp_path / "other.mp4", duration=1.0, fps=10, size=(48, 48), audio=False)
    made(ask(client, clip), again=False)
    assert_problem(ask(client, other), 422, "idempotency_key_reused")


def test_the_key_of_another_route_is_refused(client: httpx.Client, clip: Path) -> None:
    def curve(key: str) -> httpx.Response:
        headers = {"Idempotency-Key": key}
        return client.post("/v1/curves", files={"video": clip.read_bytes()}, headers=headers)

    made(ask(client, clip), again=False)
    assert_problem(curve(KEY), 422, "idempotency_key_reused")
    assert made(curve("another"), again=False) == made(curve("another"), again=True)


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "a\tb", "k\u00e9y"])
def test_a_key_that_is_none(client: httpx.Client, redis: Redis, key: str) -> None:
    with raw.line(client) as line:
        line.sendall(raw.head("/v1/jobs", {"Idempotency-Key": key}))
        said = raw.answer(line)
    assert raw.is_problem(said, 422, "invalid_idempotency_key"), said
    assert redis.keys("v2m:idempotency:*") == []


def test_two_keys_are_none(client: httpx.Client) -> None:
    answer = client.post("/v1/jobs", headers=[("Idempotency-Key", "one"), ("Idempotency-Key", "two")])
    assert assert_problem(answer, 422, "invalid_idempotency_key")["limit"] == 255


def test_a_key_may_be_any_visible_characters(client: httpx.Client, clip: Path) -> None:
    key = "".join(map(chr, range(0x21, 0x7F))) + "~" * 161
    job_id = made(ask(client, clip, key=key), again=False)
    assert made(ask(client, clip, key=key), again=True) == job_id


def test_a_key_that_is_in_use_is_told_before_the_video_is_sent(client: httpx.Client, redis: Redis, clip: Path) -> None:
    with half_sent(client, clip) as rest:
        until(lambda: redis.exists(STORED), "the first request to claim the key")
        headers = {"Idempotency-Key": KEY, "Content-Length": str(10**9), "Expect": "100-continue"}
        with raw.line(client) as line:
            line.sendall(raw.head("/v1/jobs", headers))
            assert raw.is_problem(raw.answer(line), 409, "idempotency_key_in_use"), "and not 100, which asks for it"
        answer = client.post("/v1/jobs", content=b"x" * 10_000_000, headers={"Idempotency-Key": KEY})
        assert_problem(answer, 409, "idempotency_key_in_use")
        assert int(answer.headers["retry-after"]) > 0
        assert rest().startswith("HTTP/1.1 202 ")
    assert in_redis(redis) == [made(ask(client, clip), again=True)]


def test_a_slow_upload_keeps_its_key(
    client: httpx.Client, redis: Redis, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "_RENEW_S", 0.02)
    with half_sent(client, clip) as rest:
        until(lambda: redis.pexpire(STORED, 20_000), "the request to claim the key")
        until(lambda: redis.pttl(STORED) > 20_000, "the lease to be renewed")
        assert rest().startswith("HTTP/1.1 202 ")


def test_a_client_that_leaves_frees_its_key(client: httpx.Client, redis: Redis, clip: Path) -> None:
    with half_sent(client, clip):
        until(lambda: redis.exists(STORED), "the request to claim the key")
    until(lambda: not redis.exists(STORED), "the key to be free")
    made(ask(client, clip), again=False)


def test_a_refusal_frees_the_key(client: httpx.Client, redis: Redis, clip: Path, tmp_path: Path) -> None:
    words = tmp_path / "words.mp4"
    words.write_text("no video at all")
    assert_problem(ask(client, clip, options='{"sede": 1}'), 422, "invalid_options")
    assert_problem(ask(client, words), 415, "not_a_video")
    assert_problem(client.post("/v1/jobs", headers={"Idempotency-Key": KEY}), 415, "unsupported_media_type")
    assert redis.keys("v2m:idempotency:*") == []
    made(ask(client, clip, options='{"seed": 1}'), again=False)


def test_a_fault_of_ours_frees_the_key(
    client: httpx.Client, redis: Redis, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("ours")

    with monkeypatch.context() as patch:
        patch.setattr(JobQueue, "submit", broken)
        assert_problem(ask(client, clip), 500, "internal")
    assert redis.keys("v2m:idempotency:*") == []
    made(ask(client, clip), again=False)


@pytest.mark.parametrize("taken", [True, False])
def test_a_job_in_doubt_is_found_again(
    client: httpx.Client, redis: Redis, clip: Path, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    with losing_the_answer(monkeypatch, taken):
        doubt = assert_problem(ask(client, clip), 503, "unavailable")["job_id"]
    job_id = made(ask(client, clip), again=taken)
    assert (job_id == doubt) is taken
    assert in_redis(redis) == [job_id]


def test_a_job_that_was_deleted_is_not_made_again(client: httpx.Client, services: Services, clip: Path) -> None:
    job_id = made(ask(client, clip), again=False)
    services.retention.delete(services.queue.cancel(job_id))
    assert_problem(ask(client, clip), 410, "job_gone")
    assert_problem(ask(client, clip, prompt="wild"), 422, "idempotency_key_reused")


def test_two_callers_never_meet(serve: Serve, make_settings: MakeSettings, clip: Path) -> None:
    keys = {name: f"v2m_{name}" for name in ("ann", "bob")}
    entries = [f"{name}:{hashlib.sha256(key.encode()).hexdigest()}" for name, key in keys.items()]
    client = serve(make_settings(api_keys=",".join(entries)))
    ids = []
    for key in keys.values():
        client.headers["Authorization"] = f"Bearer {key}"
        ids.append(made(ask(client, clip), again=False))
        assert made(ask(client, clip), again=True) == ids[-1]
    assert len(set(ids)) == 2
    del client.headers["Authorization"]
    assert_problem(ask(client, clip, key="x" * 256), 401, "unauthorized")


def test_a_replay_needs_no_room(serve: Serve, make_settings: MakeSettings, redis: Redis, clip: Path) -> None:
    client = serve(make_settings(max_queued=1, max_open_jobs=1))
    job_id = made(ask(client, clip), again=False)
    assert made(ask(client, clip), again=True) == job_id
    assert_problem(ask(client, clip, key="another"), 503, "queue_full")
    assert redis.keys("v2m:idempotency:*") == [STORED.encode()]


def test_a_key_that_could_not_be_claimed_is_settled_with_the_job(
    client: httpx.Client, redis: Redis, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = KeyLease.acquire
    asked: list[KeyLease] = []

    def out_at_first(claim: KeyLease) -> CreatedJob | None:
        asked.append(claim)
        if len(asked) == 1:
            raise RedisConnectionError("the line is cut")
        return real(claim)

    monkeypatch.setattr(KeyLease, "acquire", out_at_first)
    job_id = made(ask(client, clip), again=False)
    assert made(ask(client, clip), again=True) == job_id
    assert in_redis(redis) == [job_id]


def test_of_many_at_once_one_makes_a_job(client: httpx.Client, settings: Settings, redis: Redis, clip: Path) -> None:
    together = threading.Barrier(THREADS)

    def one(_: int) -> httpx.Response:
        together.wait()
        return ask(client, clip)

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(one, range(THREADS)))
    [job_id] = in_redis(redis)
    assert sorted({answer.status_code for answer in answers}) in ([202], [202, 409])
    taken = [answer for answer in answers if answer.status_code == 202]
    assert {answer.json()["id"] for answer in taken} == {job_id}
    assert [answer.headers.get("idempotent-replayed") for answer in taken].count(None) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert_problem(answer, 409, "idempotency_key_in_use")
    assert made(ask(client, clip), again=True) == job_id
    assert stored(settings) == [f"jobs/{job_id}/upload"]


def test_a_claim_that_was_lost_gets_the_job_of_the_one_that_took_it(
    client: httpx.Client, settings: Settings, redis: Redis, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = JobQueue.submit
    ours: list[str] = []

    def overtaken(queue: JobQueue, record: JobRecord, claim: KeyLease | None) -> None:
        if not ours:
            ours.append(record.id)
            redis.delete(STORED)  # the lease runs out while the upload is stored
            made(ask(client, clip), again=False)
        real(queue, record, claim)

    monkeypatch.setattr(JobQueue, "submit", overtaken)
    job_id = made(ask(client, clip), again=True)
    assert [job_id] == in_redis(redis) != ours
    assert stored(settings) == [f"jobs/{job_id}/upload"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_killed_api(client: httpx.Client, settings: Settings, redis: Redis, clip: Path, moment: str) -> None:
    command = [sys.executable, "-m", "tests.service.mortal_api", moment]
    with subprocess.Popen(command, cwd=ROOT, env=environment(settings), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            with httpx.Client(base_url=address, timeout=60) as mortal, pytest.raises(httpx.TransportError):
                ask(mortal, clip)
        finally:
            process.kill()
    if moment == "before":
        assert_problem(ask(client, clip), 409, "idempotency_key_in_use")
        assert redis.pexpire(STORED, 1), "as after half a minute"
        until(lambda: not redis.exists(STORED), "the lease to run out")
    job_id = made(ask(client, clip), again=moment == "after")
    assert in_redis(redis) == [job_id]


def test_the_document_tells_of_the_header(client: httpx.Client) -> None:
    parameters = json.loads(client.get("/openapi.json").text)["paths"]["/v1/jobs"]["post"]["parameters"]
    [header] = [parameter for parameter in parameters if parameter["in"] == "header"]
    assert (header["name"], header["required"]) == ("Idempotency-Key", False)
