"""Every error of the API, provoked at every route that documents it."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from redis import Redis

from service.app import create_app
from service.auth.signed_links import Links
from service.dependencies import Services
from service.errors.problem import MEDIA_TYPE, Problem
from service.openapi.responses import CATALOG
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
    listed = CATALOG[kind]
    body = assert_problem(answer, listed.status, kind)
    assert {name for name in listed.header_names if not answer.headers.get(name)} == set()
    assert answer.headers["x-request-id"]
    assert "secret" not in answer.text
    assert body["detail"].endswith(".")
    if "field" in body:
        names = ("video", "file") if body["field"] == "video" else (body["field"],)
        assert any(name.lower() in body["detail"].lower() for name in names), body["detail"]


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
    assert {case.kind for case in CASES} == {*CATALOG}
    assert {case.kind for case in CASES if case.routes == ("",)} == OF_NO_ROUTE


@pytest.mark.parametrize("problem", CATALOG.values(), ids=CATALOG)
def test_a_class_describes_its_type(problem: type[Problem]) -> None:
    assert 400 <= problem.status < 600
    assert re.fullmatch("[a-z_]+", problem.kind)
    assert problem.when, "an empty docstring"
    for sentence in (problem.when, problem.remedy):
        assert sentence[0].isupper() or sentence.startswith("`")
        assert sentence.endswith(".")
    assert not problem.title.endswith(".")


def test_no_two_classes_share_a_type() -> None:
    """A second class with the same `kind` would replace the first one in the catalog."""
    kinds = [one.kind for one in subclasses(Problem) if "kind" in vars(one)]
    assert sorted(kinds) == sorted(CATALOG), "a class is not in a module of the catalog, or has another's kind"


def subclasses(base: type[Problem]) -> Iterator[type[Problem]]:
    """All classes below ``base``."""
    for one in base.__subclasses__():
        yield one
        yield from subclasses(one)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == text(), "run make errors-page"
