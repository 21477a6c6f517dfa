"""So many requests of each caller in a time, over all processes of the API."""

from pathlib import Path

import httpx
import pytest
from redis import Redis
from structlog.testing import capture_logs

from service.auth.rates import Rates
from service.errors.problem import Problem
from tests.conftest import MakeSettings
from tests.service.conftest import Serve, assert_problem
from tests.service.keyring import ALICE, BOB, ENTRIES, bearer

NOWHERE = "/nowhere"


def test_each_key_has_its_own_limit_in_all_processes_together(serve: Serve, make_settings: MakeSettings) -> None:
    settings = make_settings(api_keys=ENTRIES, rate_limit="3/hour")
    first, second = serve(settings), serve(settings)
    asked = [client.get(NOWHERE, headers=bearer(ALICE)).status_code for client in (first, second, first)]
    assert asked == [404] * 3
    answer = second.get(NOWHERE, headers=bearer(ALICE))
    assert assert_problem(answer, 429, "rate_limited")["limit"] == "3 per 1 hour"
    assert 3500 < int(answer.headers["retry-after"]) <= 3601
    assert first.get(NOWHERE, headers=bearer(BOB)).status_code == 404


def test_what_needs_no_key_and_what_has_none_are_not_counted(serve: Serve, make_settings: MakeSettings) -> None:
    client = serve(make_settings(api_keys=ENTRIES, rate_limit="1/hour"))
    assert {client.get("/healthz").status_code for _ in range(3)} == {200}
    assert {client.get(NOWHERE).status_code for _ in range(3)} == {401}
    assert client.get(NOWHERE, headers=bearer(ALICE)).status_code == 404


def test_without_keys_an_address_is_a_caller(serve: Serve, make_settings: MakeSettings) -> None:
    client = serve(make_settings(rate_limit="2/hour"))
    assert [client.get(NOWHERE).status_code for _ in range(3)] == [404, 404, 429]
    with httpx.Client(base_url=client.base_url, transport=httpx.HTTPTransport(local_address="127.0.0.2")) as another:
        assert another.get(NOWHERE).status_code == 404


def test_the_wait_is_the_longest_and_what_was_refused_does_not_count(redis: Redis, redis_url: str) -> None:
    rates = Rates("2/second;3/hour", redis_url)
    rates.count("somebody")
    # two requests that came 1000 s and 100 s ago, as limits keeps them: the newest first
    (key,) = redis.keys("v2m:rates:*hour")
    now = float(redis.lindex(key, 0) or 0)
    redis.rpush(key, now - 100, now - 1000)
    for _ in range(5):
        with pytest.raises(Problem) as refused:
            rates.count("somebody")
        assert refused.value.kind == "rate_limited"
        assert 2590 < int((refused.value.headers or {})["Retry-After"]) <= 2601, "until the oldest is an hour old"
    assert redis.llen(key) == 3
    rates.close()


def test_without_redis_requests_pass(tmp_path: Path) -> None:
    rates = Rates("1/hour", f"unix://{tmp_path}/nobody.sock")
    with capture_logs() as events:
        for _ in range(3):
            rates.count("somebody")
    assert [(event["event"], event["log_level"]) for event in events] == [("rates_not_checked", "warning")] * 3
    rates.close()
