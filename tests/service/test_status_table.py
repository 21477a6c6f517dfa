"""The real API, driven into every error that it has, at every route that has it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from redis import Redis

from service.app import create_app
from service.auth.signed_links import Links
from service.dependencies import Services
from service.problem_types import CATALOGUE
from service.problems import MEDIA_TYPE, Problem
from tests.conftest import MakeSettings
from tests.service.conftest import Serve, assert_problem
from tests.service.errors.house import ROUTES, Case, House
from tests.service.errors.page import CASES, PAGE, text

OF_NO_ROUTE = {"not_found", "method_not_allowed", "cors_refused"}


@pytest.fixture
def house(
    serve: Serve, make_settings: MakeSettings, services: Services, redis: Redis, clip: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> House:  # fmt: skip
    return House(serve, make_settings, services, redis, clip, tmp_path, monkeypatch, Links(redis))


def assert_as_listed(answer: httpx.Response, kind: str) -> None:
    """Status, type and headers are those of the catalogue, and there is something to read."""
    listed = CATALOGUE[kind]
    body = assert_problem(answer, listed.status, kind)
    assert {name for name in listed.headers if not answer.headers.get(name)} == set()
    assert answer.headers["x-request-id"]
    assert "secret" not in answer.text
    if "field" in body and body["field"] != "Idempotency-Key":
        assert body["detail"].startswith(f"{body['field']}: ")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.how}")
def test_an_error_over_http(house: House, redis: Redis, case: Case) -> None:
    if case.kind == "unavailable":  # each waits some seconds for Redis
        with ThreadPoolExecutor(len(case.routes)) as threads:
            for answer in threads.map(lambda route: case.provoke(house, route), case.routes):
                assert_as_listed(answer, case.kind)
        return
    for route in case.routes:
        redis.flushall()
        assert_as_listed(case.provoke(house, route), case.kind)


def documented(services: Services) -> Iterator[tuple[str, str]]:
    """Each operation and problem that the OpenAPI document knows of."""
    for path in create_app(services.settings).openapi()["paths"].values():
        for operation in path.values():
            for answer in operation["responses"].values():
                for kind in answer.get("content", {}).get(MEDIA_TYPE, {}).get("examples", ()):
                    yield operation["operationId"], kind


def test_every_problem_of_every_route_is_provoked_and_documented(services: Services) -> None:
    provoked = {(route, case.kind) for case in CASES for route in case.routes if route}
    assert {route for route, _ in provoked} == {*ROUTES}
    assert provoked == {*documented(services)}
    assert {case.kind for case in CASES} == {*CATALOGUE}
    assert {case.kind for case in CASES if case.routes == ("",)} == OF_NO_ROUTE


@pytest.mark.parametrize(
    ("status", "kind", "headers"),
    [
        (404, "nonsense", None),
        (400, "unknown_job", None),
        (429, "rate_limited", None),
        (429, "rate_limited", {"A": "b"}),
    ],
)
def test_a_problem_that_is_not_in_the_catalogue_is_none(status: int, kind: str, headers: dict[str, str] | None) -> None:
    with pytest.raises(ValueError, match="catalogue"):
        Problem(status, kind, "detail", headers=headers)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == text(), "run make errors-page"
