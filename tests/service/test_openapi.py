"""The OpenAPI document says what the API does."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from jobs.record import JobError, Webhook
from jobs.webhooks.message import JobEnded, JobEndedData
from model_core.options import ModelInfo, ScoreOptions
from service.app import create_app
from service.downloads import MEDIA_TYPES
from service.errors.problem import MEDIA_TYPE
from service.openapi.examples import RESPONSES, SCHEMAS
from service.schemas import Health, JobList, JobView, LinksView, Readiness
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
        content = answers[status]["content"]
        assert set(content) == {"application/octet-stream", *MEDIA_TYPES.values()}
        assert next(iter(content)) == "application/octet-stream", "generated clients take the first type they know"


def test_options_are_a_json_object_in_the_form(document: dict[str, Any]) -> None:
    (form,) = named(document, "create_job")["requestBody"]["content"].values()
    name = form["schema"]["$ref"].rpartition("/")[2]
    fields = document["components"]["schemas"][name]
    assert fields["properties"]["options"]["$ref"] == "#/components/schemas/ScoreOptions"
    assert fields["additionalProperties"] is False


def test_keys_are_optional_for_a_service_without_keys(
    document: dict[str, Any], serve: Serve, make_settings: MakeSettings
) -> None:
    keyed = serve(make_settings(api_keys=ENTRIES)).get("/openapi.json").json()
    for found, security in ((document, [{"bearer": []}, {}]), (keyed, [{"bearer": []}])):
        assert {one["operationId"] for one in operations(found) if "security" in one} == {*V1}
        assert all(one["security"] == security for one in operations(found) if "security" in one)
        scheme = found["components"]["securitySchemes"]["bearer"]
        assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
        assert [server["url"] for server in found["servers"]] == ["/"]


def test_every_example_is_valid(document: dict[str, Any]) -> None:
    models = {
        model.__name__: model
        for model in (
            *(Health, JobEnded, JobEndedData, JobError, JobList, JobView, LinksView, ModelInfo, Readiness),
            *(ScoreOptions, Webhook),
        )
    }
    schemas = document["components"]["schemas"]
    for name, model in models.items():
        (example,) = schemas[name]["examples"]
        assert example == SCHEMAS[name]
        assert set(example) <= set(model.model_fields), "members that the API does not have"
        model.model_validate(example)
    for one in RESPONSES.values():
        assert isinstance(one, dict)
        assert set(one) == set(JobView.model_fields)
        JobView.model_validate(one)
    assert set(models) | {"Problem"} == set(SCHEMAS)


def test_a_document_that_is_changed_changes_no_other(make_settings: MakeSettings) -> None:
    first, second = (create_app(make_settings()).openapi() for _ in range(2))
    unchanged = json.dumps(second)
    for form in first["paths"]["/v1/jobs"]["post"]["requestBody"]["content"].values():
        form["example"]["video"] = b"bytes"
    for schema in first["components"]["schemas"].values():
        schema.pop("examples", None)
    assert json.dumps(second) == json.dumps(create_app(make_settings()).openapi()) == unchanged


def test_every_body_has_an_example(document: dict[str, Any]) -> None:
    for operation in [*operations(document), document["webhooks"]["job.ended"]["post"]]:
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for kind, content in [item for body in bodies for item in body.get("content", {}).items()]:
            if content.get("schema", {}).get("format") == "binary" or not content:
                continue  # a file
            assert "example" in content or content.get("examples") or content["schema"]["examples"], (operation, kind)


def texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Everything in the document that people read."""
    if isinstance(value, dict):
        for member, inner in value.items():
            if member in ("description", "summary") and isinstance(inner, str):
                yield f"{name}.{member}", inner
            elif member not in ("example", "examples"):
                yield from texts(inner, f"{name}.{member}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from texts(inner, f"{name}.{number}")


def test_descriptions_are_written_for_readers_of_the_api(document: dict[str, Any]) -> None:
    read = dict(texts(document))
    assert len(read) > 150
    for name, text in read.items():
        for code in ("``", "Attributes:", "None ", " None", "Raises", "TODO"):
            assert code not in text, (name, text)
    for name, schema in document["components"]["schemas"].items():
        if name != "JsonValue":
            assert schema["description"], name
        for member, inner in schema.get("properties", {}).items():
            described = inner.get("description") or "$ref" in inner
            assert described, f"{name}.{member} has no description"
    for operation in operations(document):
        assert all(parameter["description"] for parameter in operation.get("parameters", []))


def test_no_parameter_and_no_form_field_can_be_null(document: dict[str, Any]) -> None:
    fields = [parameter["schema"] for one in operations(document) for parameter in one.get("parameters", [])]
    for name, schema in document["components"]["schemas"].items():
        fields += schema["properties"].values() if name.startswith("Body_") else []
    assert len(fields) > 10
    assert [field for field in fields if "anyOf" in field] == []


def test_generated_clients_can_send_files_and_receive_bytes_and_text(document: dict[str, Any]) -> None:
    for name in ("Body_create_job", "Body_create_curve"):
        assert document["components"]["schemas"][name]["properties"]["video"]["format"] == "binary"
    (stream,) = named(document, "follow_job")["responses"]["200"]["content"].items()
    assert stream[0] == "text/event-stream"
    assert "type" not in stream[1]["schema"], "generated clients would parse the stream as JSON"


def test_the_webhook_is_in_the_document(document: dict[str, Any]) -> None:
    operation = document["webhooks"]["job.ended"]["post"]
    (schema,) = (content["schema"] for content in operation["requestBody"]["content"].values())
    assert schema == {"$ref": "#/components/schemas/JobEnded"}
    assert list(operation["responses"]) == ["204"]


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
