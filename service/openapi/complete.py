"""Additions to the OpenAPI document that FastAPI generates: errors, common headers, form fields and examples."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

from service.middleware.request_log import HEADER
from service.openapi import examples
from service.openapi.responses import PROBLEM_SCHEMA

SECURITY_SCHEME: Final = "bearer"
_REF: Final = "#/components/schemas/"
_FASTAPI_ERRORS: Final = ("HTTPValidationError", "ValidationError")
_FIELD_ERROR: Final = {
    "type": "object",
    "required": ["field", "detail"],
    "properties": {
        "field": {"type": "string", "description": "The invalid input."},
        "detail": {"type": "string", "description": "What is wrong with it."},
    },
}
_PROBLEM: Final = {
    "title": PROBLEM_SCHEMA,
    "description": "An error, in the format of RFC 9457.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri",
            "pattern": "^urn:v2m-zero:problem:[a-z_]+$",
            "description": "The type of the error. It never changes, so use it in programs. See docs/errors.md.",
        },
        "title": {"type": "string", "description": "Name of the error type."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What is wrong, as a sentence. The wording may change."},
        "field": {"type": "string", "description": "The invalid input, if there is one."},
        "limit": {"type": ["number", "string"], "description": "The limit that was exceeded, if there is one."},
        "errors": {
            "type": "array",
            "items": _FIELD_ERROR,
            "description": "All invalid inputs, if there can be more than one.",
        },
        "job_id": {
            "type": "string",
            "description": "The id of the job, if it is not known whether the job was created.",
        },
        "missing": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "What does not work, by name, if the service is not ready.",
        },
        "request_id": {"type": "string", "description": "The request's id, if the error is in the service itself."},
    },
}
_REQUEST_ID: Final = {
    "description": "The request's id, as in the service's log. Name it when you report a problem.",
    "required": True,
    "schema": {"type": "string"},
}


def complete(document: dict[str, Any], *, key_required: bool) -> None:
    """Adds everything to FastAPI's document, in place. Does nothing if it was done before.

    `key_required`: the service has API keys. Without it the key is optional, so that generated clients can send one.
    """
    components: dict[str, Any] = document["components"]
    schemas: dict[str, Any] = components["schemas"]
    if PROBLEM_SCHEMA in schemas:
        return
    for name in _FASTAPI_ERRORS:
        schemas.pop(name, None)
    schemas[PROBLEM_SCHEMA] = deepcopy(_PROBLEM)
    components["headers"] = {HEADER: deepcopy(_REQUEST_ID)}
    for name, schema in schemas.items():
        if name.startswith("Body_"):
            schema["additionalProperties"] = False
            schema["description"] = "A multipart form. Unknown fields are rejected."
            _describe_form_fields(schema["properties"])
        if name in examples.SCHEMAS:
            schema["examples"] = [deepcopy(examples.SCHEMAS[name])]
    for operation in _operations(document["paths"]):
        _complete_operation(operation, schemas, key_required)
    for operation in _operations(document["webhooks"]):
        operation["responses"].pop("422")  # FastAPI's; receivers are not part of this API
        operation["requestBody"]["content"]["application/json"]["example"] = deepcopy(examples.JOB_ENDED)


def _complete_operation(operation: dict[str, Any], schemas: dict[str, Any], key_required: bool) -> None:
    name = operation["operationId"]
    operation["responses"] = {
        status: answer | {"headers": answer.get("headers", {}) | {HEADER: {"$ref": f"#/components/headers/{HEADER}"}}}
        for status, answer in operation["responses"].items()
        if not _is_fastapi_error(answer)
    }
    for status, answer in operation["responses"].items():
        json = answer.get("content", {}).get("application/json")
        if json is not None and "$ref" in json.get("schema", {}):
            schema = schemas[json["schema"]["$ref"].removeprefix(_REF)]
            example = examples.RESPONSES.get((name, status), schema.get("examples", [None])[0])
            json["example"] = deepcopy(example)
    for form in operation.get("requestBody", {}).get("content", {}).values():
        form["example"] = deepcopy(examples.REQUESTS[name])
    for parameter in operation.get("parameters", []):
        parameter["schema"] = _without_null(parameter["schema"])
    if "security" in operation and not key_required:
        operation["security"] = [{SECURITY_SCHEME: []}, {}]


def _describe_form_fields(fields: dict[str, Any]) -> None:
    """Corrects what FastAPI says about form fields."""
    for name, field in fields.items():
        fields[name] = _without_null(field)
    # `contentMediaType` alone is correct in OpenAPI 3.1, but client generators look for the older `format`
    fields["video"] |= {"format": "binary"}
    if "options" in fields:  # an object in a form is sent as JSON
        fields["options"] = {"$ref": f"{_REF}ScoreOptions", "description": fields["options"]["description"]}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter or a form field, which can be missing but not null."""
    kinds: list[dict[str, Any]] = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return kinds[0] | {name: value for name, value in schema.items() if name != "anyOf"}


def _operations(paths: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in paths.values():
        yield from path.values()


def _is_fastapi_error(answer: dict[str, Any]) -> bool:
    """True for FastAPI's own description of an invalid request, which this API never sends."""
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return bool(schema.get("$ref", "") == _REF + _FASTAPI_ERRORS[0])
