"""Signed links: good for one resource and one time, and for nothing else."""

import math
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from redis.exceptions import RedisError

from jobs.infra.redis_connection import connect
from jobs.infra.settings import Settings
from service.auth import signed_links as of_links
from service.auth.signed_links import Links
from service.dependencies import Services
from service.errors.problem import Problem
from tests.conftest import MakeSettings
from tests.service.conftest import RESULT, Serve, assert_problem, complete, create
from tests.service.keyring import ALICE, BOB, ENTRIES, bearer, entry


@pytest.fixture
def keyed(make_settings: MakeSettings) -> Settings:
    return make_settings(api_keys=ENTRIES)


@pytest.fixture
def alice(serve: Serve, keyed: Settings) -> httpx.Client:
    client = serve(keyed)
    client.headers.update(bearer(ALICE))
    return client


@pytest.fixture
def player(alice: httpx.Client) -> Iterator[httpx.Client]:
    """Sends no key."""
    with httpx.Client(base_url=alice.base_url, timeout=60) as client:
        yield client


@pytest.fixture
def job_id(alice: httpx.Client, services: Services, clip: Path) -> str:
    """A completed job of Alice's."""
    made = str(create(alice, clip)["id"])
    complete(services, made)
    return made


def make(client: httpx.Client, job_id: str) -> dict[str, Any]:
    answer = client.post(f"/v1/jobs/{job_id}/links")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_link_is_as_good_as_a_key(alice: httpx.Client, player: httpx.Client, job_id: str) -> None:
    made = make(alice, job_id)
    assert set(made["content"]) == {"video", "curve"}
    assert player.get(made["content"]["video"]).content == RESULT
    assert player.get(made["content"]["curve"]).content == b"{}"
    assert player.head(made["content"]["video"]).headers["content-length"] == str(len(RESULT))
    part = player.get(made["content"]["video"], headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, RESULT[10:20])
    events = player.get(made["events"])
    assert (events.status_code, events.headers["content-type"].split(";")[0]) == (200, "text/event-stream")


def test_a_job_that_is_not_over_has_its_events_alone(alice: httpx.Client, clip: Path) -> None:
    made = make(alice, create(alice, clip)["id"])
    assert made["content"] == {}
    assert made["events"].startswith("/v1/jobs/")


def test_anything_altered_is_refused(alice: httpx.Client, player: httpx.Client, job_id: str) -> None:
    link = make(alice, job_id)["content"]["video"]
    for old, new in (
        ("variant=video", "variant=curve"),
        ("variant=video&", ""),
        ("/content?", "/events?"),
        ("/content?", "?"),
        ("/content?", "/links?"),
        ("expires=", "expires=9"),
        ("signature=", "signature=A"),
        ("signature=", "signature=&signature="),
        ("signature=", "more=1&signature="),
        ("?variant=video", "?variant=curve&variant=video"),
    ):
        assert old in link
        assert_problem(player.get(link.replace(old, new)), 401, "unauthorized")


def test_what_comes_behind_the_signature_is_refused(alice: httpx.Client, player: httpx.Client, job_id: str) -> None:
    link = make(alice, job_id)["content"]["video"]
    for more in ("&variant=curve", "&", "=", "A", "&signature="):
        assert_problem(player.get(link + more), 401, "unauthorized")
    assert_problem(player.get(link[:-1]), 401, "unauthorized")


def test_a_link_is_for_reading_alone(alice: httpx.Client, player: httpx.Client, job_id: str) -> None:
    link = make(alice, job_id)["content"]["video"]
    for method in ("POST", "DELETE", "PUT", "OPTIONS"):
        assert_problem(player.request(method, link), 401, "unauthorized")


def test_another_jobs_link_is_refused(
    alice: httpx.Client, player: httpx.Client, services: Services, job_id: str, clip: Path
) -> None:
    other = create(alice, clip)["id"]
    complete(services, other)
    assert_problem(player.get(make(alice, job_id)["content"]["video"].replace(job_id, other)), 401, "unauthorized")


def test_only_the_owner_makes_them(alice: httpx.Client, job_id: str) -> None:
    assert_problem(alice.post(f"/v1/jobs/{job_id}/links", headers=bearer(BOB)), 404, "unknown_job")


def test_with_a_key_the_key_counts(alice: httpx.Client, player: httpx.Client, job_id: str) -> None:
    link = make(alice, job_id)["content"]["video"]
    assert alice.get(link.replace("signature=", "signature=A")).status_code == 200
    assert_problem(player.get(link, headers=bearer(BOB)), 404, "unknown_job")
    assert_problem(player.get(link, headers=bearer("v2m_made-up")), 401, "unauthorized")


def test_a_link_ends(player: httpx.Client, services: Services, job_id: str) -> None:
    now = int(time.time())
    for end, query in (("/content", "variant=video"), ("/events", "")):
        live, over = (services.links.make(f"/v1/jobs/{job_id}{end}", query, now + later) for later in (60, 0))
        assert player.get(live).status_code == 200
        assert_problem(player.get(over), 401, "link_expired")
        assert_problem(player.get(over.replace("expires=", "expires=9")), 401, "unauthorized")


def test_it_says_when(alice: httpx.Client, keyed: Settings, job_id: str) -> None:
    before = time.time()
    made = make(alice, job_id)
    ends = datetime.fromisoformat(made["expires_at"]).timestamp()
    assert before + keyed.link_ttl_s <= ends <= time.time() + keyed.link_ttl_s + 1
    assert f"expires={ends:.0f}&" in made["events"]


def test_all_processes_of_the_api_know_it_and_it_ends_with_its_key(
    alice: httpx.Client, serve: Serve, make_settings: MakeSettings, job_id: str
) -> None:
    link = make(alice, job_id)["content"]["video"]
    assert serve(make_settings(api_keys=entry("alice", BOB))).get(link).status_code == 200, "a new key of the same name"
    assert_problem(serve(make_settings(api_keys=entry("bob", BOB))).get(link), 401, "unauthorized")
    assert_problem(serve(make_settings()).get(link), 401, "unauthorized")


def test_without_keys_it_works_the_same(client: httpx.Client, services: Services, clip: Path) -> None:
    job = create(client, clip)["id"]
    complete(services, job)
    link = make(client, job)["content"]["video"]
    assert client.get(link).content == RESULT
    assert_problem(client.get(link.replace("variant=video", "variant=curve")), 401, "unauthorized")


def test_without_redis_nobody_can_tell(
    alice: httpx.Client, serve: Serve, make_settings: MakeSettings, job_id: str, tmp_path: Path
) -> None:
    alone = serve(make_settings(api_keys=ENTRIES, redis_url=f"unix://{tmp_path}/nobody.sock"))
    answer = alone.get(make(alice, job_id)["content"]["video"])
    assert_problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


def asked(link: str) -> dict[str, Any]:
    """The request for a link, as a scope has it."""
    path, _, query = link.partition("?")
    return {"path": path, "query_string": query.encode()}


def link_of(links: Links) -> str:
    return links.make("/v1/jobs/a/events", "", 2**33)


def test_apis_agree_again_after_redis_lost_its_data(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Links(redis), Links(redis)
    lost = link_of(first)
    second.check(asked(lost))
    redis.flushall()
    monkeypatch.setattr(of_links, "_AGAIN_S", 0.0)
    anew = link_of(Links(redis))
    first.check(asked(anew))
    with pytest.raises(Problem):
        first.check(asked(lost))
    monkeypatch.setattr(of_links, "_FRESH_S", 0.0)
    first.check(asked(link_of(second)))


def test_made_up_links_are_no_burden_of_redis(redis: Redis) -> None:
    links = Links(redis)
    link_of(links)
    redis.config_resetstat()
    for _ in range(100):
        with pytest.raises(Problem):
            links.check(asked(link_of(links) + "A"))
    assert redis.info("commandstats").get("cmdstat_set", {}).get("calls", 0) < 20, "once a second"


def test_without_redis_the_known_secret_serves_on(redis: Redis, tmp_path: Path) -> None:
    links = Links(redis)
    link = link_of(links)
    links._redis = connect(f"unix://{tmp_path}/nobody.sock", retries=0)  # as if it went out
    links.check(asked(link))
    links._loaded_at = -math.inf
    for _ in range(2):
        with pytest.raises(RedisError):
            links.check(asked(link + "A"))
    links.check(asked(link))
