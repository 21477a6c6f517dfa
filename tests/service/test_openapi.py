"""The OpenAPI document says what the API does."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from service.downloads.artifact_response import MEDIA_TYPES
from service.errors.problem import MEDIA_TYPE
from service.openapi.examples import JOB
from service.schemas import JobView
from tests.conftest import MakeSettings
from tests.service.conftest import Serve
from tests.service.errors.house import MAKING, ROUTES, V1
from tests.service.keyring import ENTRIES


@pytest.fixture
def document(client: httpx.Client) -> dict[str, Any]:
    body: dict[str, Any] = client.get("/openapi.json").json()
    return body


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def named(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The operation of an id."""
    return next(one for one in operations(document) if one["operationId"] == name)


def test_it_is_valid_and_has_every_route(document: dict[str, Any]) -> None:
    validate(document)
    found = {
        one["operationId"]: (method.upper(), path)
        for path, methods in document["paths"].items()
        for method, one in methods.items()
    }
    assert found == ROUTES


def test_every_answer_is_explained_and_every_error_is_a_problem(document: dict[str, Any]) -> None:
    for operation in operations(document):
        assert operation["description"]
        assert operation["tags"]
        for status, answer in operation["responses"].items():
            assert answer["description"] not in ("", "Successful Response")
            assert "X-Request-ID" in answer["headers"]
            if int(status) >= 400:
                assert list(answer["content"]) == [MEDIA_TYPE]
            assert status == "206" or all(content["schema"] for content in answer.get("content", {}).values())


def test_headers_that_clients_need(document: dict[str, Any]) -> None:
    for name in MAKING:
        answers = named(document, name)["responses"]
        assert {"Location", "Retry-After", "Idempotent-Replayed"} < set(answers["202"]["headers"])
        assert [answers[status]["headers"]["Retry-After"]["required"] for status in ("429", "503", "507")] == [True] * 3
        assert not answers["409"]["headers"].keys() - {"Retry-After", "X-Request-ID"}
        sent = {one["name"] for one in named(document, name)["parameters"] if one["in"] == "header"}
        assert sent == {"Idempotency-Key"}
    job = named(document, "get_job")
    assert {"ETag", "Retry-After"} < set(job["responses"]["200"]["headers"])
    content = named(document, "get_content")
    assert {one["name"] for one in content["parameters"]} == {
        *("job_id", "variant"),
        *("Range", "If-Range", "If-None-Match"),
    }
    assert "Content-Range" in content["responses"]["206"]["headers"]


def test_what_results_are(document: dict[str, Any]) -> None:
    answers = named(document, "get_content")["responses"]
    for status in ("200", "206"):
        assert set(answers[status]["content"]) == {*MEDIA_TYPES.values()}


def test_options_are_a_json_object_in_the_form(document: dict[str, Any]) -> None:
    (form,) = named(document, "create_job")["requestBody"]["content"].values()
    name = form["schema"]["$ref"].rpartition("/")[2]
    fields = document["components"]["schemas"][name]
    assert fields["properties"]["options"]["$ref"] == "#/components/schemas/ScoreOptions"
    assert fields["additionalProperties"] is False


def test_a_key_is_asked_for_where_there_are_keys(
    document: dict[str, Any], serve: Serve, make_settings: MakeSettings
) -> None:
    assert {one["operationId"] for one in operations(document) if "security" in one} == set()
    keyed = serve(make_settings(api_keys=ENTRIES)).get("/openapi.json").json()
    assert {one["operationId"] for one in operations(keyed) if "security" in one} == {*V1}
    (scheme,) = keyed["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_the_example_of_a_job_is_one() -> None:
    assert set(JOB) == set(JobView.model_fields)
    assert JobView.model_validate(JOB).id == JOB["id"]


@pytest.mark.parametrize("path", ["/v1/jobs/", "/healthz/"])
def test_a_slash_at_the_end_leads_nowhere_and_is_not_redirected(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.history) == (404, [])


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/jobs", "GET, POST"),
        ("/v1/curves", "POST"),
        ("/v1/jobs/x", "DELETE, GET, HEAD"),
        ("/v1/jobs/x/content", "GET, HEAD"),
        ("/v1/jobs/x/cancel", "POST"),
        ("/healthz", "GET, HEAD"),
        ("/docs", "GET, HEAD"),
    ],
)
def test_a_refused_method_is_told_all_that_the_path_takes(client: httpx.Client, path: str, methods: str) -> None:
    assert client.put(path).headers["allow"] == methods


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_can_be_asked_without_a_body(client: httpx.Client, path: str) -> None:
    asked, whole = client.head(path), client.get(path)
    assert (asked.status_code, asked.content) == (whole.status_code, b"")
