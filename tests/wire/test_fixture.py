"""Data written by version 0.1.0: later versions read it, answer as it did, and finish the jobs that it left."""

import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from redis import Redis

from jobs.infra.redis_connection import server_time
from jobs.infra.settings import Settings
from tests.conftest import MakeSettings
from tests.jobs.webhook_receiver import run_receiver
from tests.processes import start_worker, until
from tests.service.conftest import serving
from tests.wire.exchanges import Exchange
from tests.wire.snapshot import load_redis, read_json, unpack

ARCHIVE: Final = Path(__file__).with_name("fixture-0.1.0.tar.xz")
ABOUT: Final[dict[str, Any]] = read_json(ARCHIVE, "about.json")
EXCHANGES: Final = [Exchange(**one) for one in read_json(ARCHIVE, "exchanges.json")]
JOBS: Final[dict[str, str]] = ABOUT["jobs"]
LEFT: Final = ("queued", "queued curve", "lost")
"""Jobs of Alice's that were not over."""
ALICES: Final = [name for name in JOBS if name not in ("deleted", "bob's", "ownerless", "queued, ownerless")]
_AGE_S: Final = 600.0
"""The fixture is loaded as if it had been written so long ago, whatever the date."""
Load = Callable[..., Settings]


@pytest.fixture
def load(redis: Redis, make_settings: MakeSettings, tmp_path: Path) -> Load:
    """Loads the fixture; returns settings of an API with its keys, changed as asked for."""

    def loaded(hook: str | None = None, **changes: Any) -> Settings:
        """``hook``: another address in the place of the one that webhooks go to."""
        unpack(ARCHIVE, tmp_path / "state")
        contents = (tmp_path / "state" / "redis.json").read_text()
        entries = json.loads(contents.replace(ABOUT["hook"], hook or ABOUT["hook"]))
        load_redis(redis, entries, server_time(redis) - _AGE_S - ABOUT["written_at"])
        return make_settings(api_keys=ABOUT["settings"]["api_keys"], **changes)

    return loaded


def store_of(settings: Settings) -> Path:
    return settings.state_dir / "store"


def bearer(caller: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {ABOUT['keys'][caller]}"}


def get(client: httpx.Client, name: str) -> dict[str, Any]:
    answer = client.get(f"/v1/jobs/{JOBS[name]}", headers=bearer("alice"))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def then(name: str) -> dict[str, Any]:
    """The job as it was returned when the fixture was written."""
    (found,) = [one for one in EXCHANGES if one.name == f"the {name} job"]
    body: dict[str, Any] = found.answer["json"]
    return body


def differences(settings: Settings, exchanges: list[Exchange]) -> dict[str, Any]:
    """The answers that are not what they were, by the name of the exchange: what is now, what was then."""
    found: dict[str, Any] = {}
    with ExitStack() as ending:
        keyed = ending.enter_context(serving(settings))
        keyless = ending.enter_context(serving(settings.model_copy(update={"api_keys": None})))
        for one in exchanges:
            client = keyless if one.caller is None else keyed
            client.headers = httpx.Headers(bearer(one.caller) if one.caller else {})
            now = one.send(client, store_of(settings))
            if now != one.answer:
                found[f"{one.name}: {one.method} {one.path}"] = {"now": now, "then": one.answer}
    return found


def test_the_fixture_has_what_is_to_be_tested() -> None:
    statuses = {name: then(name)["status"] for name in JOBS if name != "deleted"}
    assert statuses == {
        "expired": "completed", "scored": "completed", "curve": "completed",
        "bob's": "completed", "ownerless": "completed", "refused": "failed", "crashed": "failed",
        "canceled": "canceled", "lost": "in_progress", "lost and unwanted": "in_progress",
        "queued": "queued", "queued curve": "queued", "queued, ownerless": "queued",
    }  # fmt: skip
    files = [one for one in EXCHANGES if one.answer.get("sha256")]
    assert {one.path.partition("variant=")[2].partition("&")[0] for one in files} == {
        "video", "audio", "midi", "curve", "report"
    }  # fmt: skip


def test_every_answer_is_what_it_was(load: Load) -> None:
    assert differences(load(), EXCHANGES) == {}


def test_lost_data_would_be_noticed(load: Load, redis: Redis) -> None:
    settings = load()
    shutil.rmtree(store_of(settings) / "jobs" / JOBS["scored"] / "results")
    for key in ("v2m:idempotency:alice:key-of-curve", "v2m:links:secret"):
        assert redis.delete(key)
    lost = {"the audio of the scored job", "the key of a curve", "a signed link to events"}
    kept = {"the scored job", "the curve of the curve job", "the key of a queued job"}
    found = differences(settings, [one for one in EXCHANGES if one.name in lost | kept])
    assert {name.partition(":")[0] for name in found} == lost


def test_a_worker_finishes_what_was_left(load: Load, redis: Redis) -> None:
    settings = load()
    worker = start_worker(settings, redis)
    try:
        with serving(settings) as client:
            names = (*LEFT, "lost and unwanted")
            until(lambda: all(get(client, name)["finished_at"] for name in names), "all jobs to end")
            ended = {name: get(client, name) for name in ALICES}
            results = {name: contents(client, ended[name]) for name in LEFT}
    finally:
        worker.terminate()
        assert worker.wait() == 0
    changing = {
        *("status", "stage", "progress", "queue_position", "eta_s"),
        *("model", "started_at", "finished_at", "content"),
    }
    for name in LEFT:
        assert (ended[name]["status"], ended[name]["error"]) == ("completed", None), name
        assert unchanged(ended[name], changing) == unchanged(then(name), changing)
    upload = (store_of(settings) / "jobs" / JOBS["queued"] / "upload").read_bytes()
    assert results["queued"]["video"] == results["lost"]["video"] == upload
    assert json.loads(results["queued"]["report"]) | {"analyzed_by": ""} == {
        "prompt": "queued words", "seed": 11, "duration": then("queued")["video"]["duration"], "analyzed_by": ""
    }  # fmt: skip
    assert set(results["queued curve"]) == {"curve"}
    assert ended["lost and unwanted"]["status"] == "canceled", "its worker died before it could stop"
    over = [name for name in ended if then(name)["finished_at"]]
    assert {name: ended[name] for name in over} == {name: then(name) for name in over}
    assert redis.llen("rq:queue:v2m") == 0


def contents(client: httpx.Client, job: dict[str, Any]) -> dict[str, bytes]:
    """The files of a job that is completed, by variant."""
    answers = {variant: client.get(path, headers=bearer("alice")) for variant, path in job["content"].items()}
    return {variant: answer.raise_for_status().content for variant, answer in answers.items()}


def unchanged(job: dict[str, Any], changing: set[str]) -> dict[str, Any]:
    return {name: value for name, value in job.items() if name not in changing}


def test_a_webhook_that_failed_is_sent_again(load: Load) -> None:
    with run_receiver() as receiver:
        secret = ABOUT["settings"]["webhook_secret"]
        settings = load(hook=receiver.url(), webhook_secret=secret, webhook_private=True)
        with serving(settings) as client:
            until(lambda: get(client, "canceled")["webhook"]["delivered_at"], "the webhook")
            assert get(client, "canceled")["webhook"]["attempts"] == 2
            assert get(client, "scored")["webhook"]["attempts"] == 1
    (request,) = receiver.received
    event = json.loads(request.body)
    assert (event["type"], event["data"]["id"]) == ("job.canceled", JOBS["canceled"])
