"""Webhooks as a client of the API asks for them, sees them, and is told."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from redis import Redis
from standardwebhooks import WebhookVerificationError

from jobs.repository import WEBHOOKS_KEY
from jobs.webhooks.message import Signer
from jobs.webhooks.sender import Deliverer
from service.app import create_app
from service.dependencies import Services
from tests.conftest import MakeSettings
from tests.jobs.webhook_receiver import SECRET, Receiver, run_receiver
from tests.processes import until
from tests.service.conftest import Serve, assert_problem, complete, create, jobs_in, post, stored
from tests.service.keyring import ALICE, ENTRIES, bearer

URL = "https://example.org/hook?token=1"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with run_receiver() as one:
        yield one


def test_a_job_is_told_of_from_its_end_to_the_receiver(
    serve: Serve, make_settings: MakeSettings, services: Services, receiver: Receiver, clip: Path
) -> None:
    client = serve(make_settings(webhook_secret=SECRET, webhook_private=True))
    job = create(client, clip, webhook=receiver.url())
    assert job["webhook"] == {
        "url": receiver.url(), "attempts": 0, "delivered_at": None, "given_up_at": None, "next_at": None,
        "last_status": None, "last_error": None,
    }  # fmt: skip
    complete(services, job["id"])
    path = f"/v1/jobs/{job['id']}"
    until(lambda: client.get(path).json()["webhook"]["delivered_at"], "the webhook")
    (request,) = receiver.received
    event = request.verified()
    assert (event["type"], event["data"]["id"], event["data"]["status"]) == ("job.completed", job["id"], "completed")
    assert event["data"]["content"] == client.get(path).json()["content"]
    assert client.get(event["data"]["content"]["video"]).status_code == 200
    assert client.get(event["data"]["job"]).json()["webhook"]["last_status"] == 204


def test_with_keys_each_key_has_a_secret_of_its_own(
    serve: Serve, make_settings: MakeSettings, receiver: Receiver, clip: Path
) -> None:
    client = serve(make_settings(webhook_secret=SECRET, webhook_private=True, api_keys=ENTRIES))
    client.headers.update(bearer(ALICE))
    client.post(f"/v1/jobs/{create(client, clip, webhook=receiver.url())['id']}/cancel")
    until(lambda: receiver.received, "the webhook")
    (secret,) = Signer(SECRET).secrets("alice")
    assert receiver.received[0].verified(secret)["type"] == "job.canceled"
    with pytest.raises(WebhookVerificationError):
        receiver.received[0].verified(SECRET)


def test_who_follows_by_a_link_sees_no_webhook(
    serve: Serve, make_settings: MakeSettings, receiver: Receiver, clip: Path
) -> None:
    client = serve(make_settings(webhook_secret=SECRET, webhook_private=True, api_keys=ENTRIES))
    key, url = bearer(ALICE), receiver.url("/hook?token=hunter2")
    with clip.open("rb") as source:
        made = client.post("/v1/jobs", headers=key, files={"video": source}, data={"webhook": url}).json()
    path = f"/v1/jobs/{made['id']}"
    link = client.post(f"{path}/links", headers=key).json()["events"]
    client.post(f"{path}/cancel", headers=key)
    until(lambda: client.get(path, headers=key).json()["webhook"]["delivered_at"], "the webhook")
    own, public = client.get(f"{path}/events", headers=key).text, client.get(link).text
    assert "hunter2" not in public
    (own_id, own_job), (public_id, public_job) = map(event, (own, public))
    assert own_id == public_id
    assert own_job["webhook"]["url"] == url
    assert public_job == {**own_job, "webhook": None}
    again = client.get(link, headers={"Last-Event-ID": own_id})
    assert again.status_code == 204, "what was seen with the key was seen"


def event(stream: str) -> tuple[str, dict[str, Any]]:
    """The id and the data of the only one."""
    fields = dict(line.split(": ", 1) for line in stream.strip().splitlines())
    return fields["id"], json.loads(fields["data"])


def test_whatever_fails_at_the_end_the_rest_is_closed(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    closed, close, stop = list[Services](), Services.close, Deliverer.stop

    def noted(services: Services) -> None:
        closed.append(services)
        close(services)

    def fails(deliverer: Deliverer) -> None:
        stop(deliverer)
        raise RuntimeError("secret")

    monkeypatch.setattr(Services, "close", noted)
    monkeypatch.setattr(Deliverer, "stop", fails)
    app = create_app(make_settings(webhook_secret=SECRET, metrics_port=port))

    async def live() -> None:
        async with app.router.lifespan_context(app):
            assert httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).status_code == 200

    with pytest.raises(RuntimeError, match="secret"):
        anyio.run(live)
    assert closed == [app.state.services]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)


def test_a_canceled_curve_is_told_of(serve: Serve, make_settings: MakeSettings, receiver: Receiver, clip: Path) -> None:
    client = serve(make_settings(webhook_secret=SECRET, webhook_private=True))
    with clip.open("rb") as source:
        answer = client.post("/v1/curves", files={"video": source}, data={"webhook": receiver.url()})
    assert answer.status_code == 202, answer.text
    client.post(f"/v1/jobs/{answer.json()['id']}/cancel")
    until(lambda: receiver.received, "the webhook")
    event = receiver.received[0].verified()
    assert (event["type"], event["data"]["kind"]) == ("job.canceled", "curve")


def test_a_job_without_one_tells_nobody(client: httpx.Client, redis: Redis, clip: Path) -> None:
    for fields in ({}, {"webhook": ""}):
        job = create(client, clip, **fields)
        assert job["webhook"] is None
        client.post(f"/v1/jobs/{job['id']}/cancel")
    assert redis.exists(WEBHOOKS_KEY) == 0


def test_a_service_without_a_secret_sends_none(client: httpx.Client, redis: Redis, clip: Path) -> None:
    assert assert_problem(post(client, clip, webhook=URL), 422, "webhooks_off")["field"] == "webhook"
    assert jobs_in(redis) == []


@pytest.mark.parametrize(
    ("url", "limit"),
    [("http://example.org/", None), ("https://10.0.0.1/", None), ("nonsense", None), (URL + "x" * 2000, 2000)],
)
def test_a_url_that_is_refused_costs_nothing(
    serve: Serve, make_settings: MakeSettings, redis: Redis, clip: Path, url: str, limit: int | None
) -> None:
    settings = make_settings(webhook_secret=SECRET)
    problem = assert_problem(post(serve(settings), clip, webhook=url), 422, "invalid_webhook")
    assert (problem["field"], problem.get("limit")) == ("webhook", limit)
    assert "webhook" in problem["detail"]
    assert (stored(settings), jobs_in(redis)) == ([], [])


def test_a_public_url_is_taken_without_being_asked(serve: Serve, make_settings: MakeSettings, clip: Path) -> None:
    client = serve(make_settings(webhook_secret=SECRET))
    assert create(client, clip, webhook=URL)["webhook"]["url"] == URL
