"""What FastAPI cannot put into the OpenAPI document by itself: how errors look, what every answer has, the options."""

from collections.abc import Iterator
from typing import Any, Final

from service.middleware.request_id import HEADER
from service.openapi.responses import PROBLEM_SCHEMA

_REF: Final = "#/components/schemas/"
_OF_FASTAPI: Final = ("HTTPValidationError", "ValidationError")
_FAULT: Final = {
    "type": "object",
    "required": ["field", "detail"],
    "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
}
_PROBLEM: Final = {
    "title": PROBLEM_SCHEMA,
    "description": "An answer that is no success, as RFC 9457 has it.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri",
            "pattern": "^urn:v2m-zero:problem:[a-z_]+$",
            "description": "Stable: what programs should look at. docs/errors.md lists them all.",
        },
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, for people."},
        "field": {"type": "string", "description": "The input at fault, where one is."},
        "limit": {"type": ["number", "string"], "description": "Its limit, where it has one."},
        "errors": {
            "type": "array",
            "items": _FAULT,
            "description": "All that is wrong, where it may be several things.",
        },
        "job_id": {"type": "string", "description": "Of the job that may have been made, where nobody knows."},
        "missing": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "What the service lacks, where it is not ready.",
        },
        "request_id": {"type": "string", "description": "Of the request, where the fault is ours."},
    },
}
_REQUEST_ID: Final = {"description": "As in the log.", "required": True, "schema": {"type": "string"}}


def complete(document: dict[str, Any]) -> None:
    """Adds all that, in place, to the document as FastAPI makes it; nothing happens when it is there already."""
    components: dict[str, Any] = document["components"]
    schemas: dict[str, Any] = components["schemas"]
    if PROBLEM_SCHEMA in schemas:
        return
    for name in _OF_FASTAPI:
        schemas.pop(name, None)
    schemas[PROBLEM_SCHEMA] = _PROBLEM
    components["headers"] = {HEADER: _REQUEST_ID}
    for operation in _operations(document):
        operation["responses"] = {
            status: answer
            | {"headers": answer.get("headers", {}) | {HEADER: {"$ref": f"#/components/headers/{HEADER}"}}}
            for status, answer in operation["responses"].items()
            if not _is_of_fastapi(answer)
        }
    for name, schema in schemas.items():
        if name.startswith("Body_"):
            schema["additionalProperties"] = False
            _say_what_options_are(schema["properties"])


def _say_what_options_are(fields: dict[str, Any]) -> None:
    """An object in a form is JSON, as OpenAPI has it, unless something else is said."""
    if "options" in fields:
        fields["options"] = {"$ref": f"{_REF}ScoreOptions", "description": fields["options"]["description"]}


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def _is_of_fastapi(answer: dict[str, Any]) -> bool:
    """Whether it is what FastAPI would answer to an invalid request if nothing of ours did."""
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return bool(schema.get("$ref", "") == _REF + _OF_FASTAPI[0])
