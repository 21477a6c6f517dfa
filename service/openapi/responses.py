"""Types of problems, and responses and headers of the routes, for the OpenAPI document and docs/errors.md."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from itertools import groupby
from typing import Any, Final

from service.errors import access, jobs, requests, server, uploads
from service.errors.problem import MEDIA_TYPE, TYPE_PREFIX, Problem

PROBLEM_SCHEMA: Final = "Problem"
Responses = dict[int | str, dict[str, Any]]

HEALTH: Final = ("internal", "misdirected_request")
"""Problems of every route, including the health checks."""
EVERYWHERE: Final = ("unauthorized", "rate_limited", "unavailable", *HEALTH)
"""Problems of every route under /v1."""
CHANGING: Final = ("cross_site", *EVERYWHERE)
"""Problems of every route that changes something."""

_MODULES: Final = (requests, access, jobs, uploads, server)


def _problem_types() -> Iterator[type[Problem]]:
    """The classes with a `kind`; those without are base classes."""
    for module in _MODULES:
        for one in vars(module).values():
            if isinstance(one, type) and issubclass(one, Problem) and "kind" in vars(one):
                yield one


CATALOG: Final[Mapping[str, type[Problem]]] = {
    one.kind: one for one in sorted(_problem_types(), key=lambda one: one.status)
}
"""All types of problems by their `kind`, in the order of their status."""

_VIDEO: Final = (
    *("upload_too_large", "unsupported_media_type", "not_a_video", "playlist"),
    *("too_long", "empty_file", "no_video_stream", "no_frames", "too_large_picture", "codec", "unreadable", "budget"),
)
_FORM: Final = ("request_timeout", "bad_request", "invalid_request", "unknown_field", "invalid_webhook", "webhooks_off")
_KEY: Final = ("invalid_idempotency_key", "idempotency_key_in_use", "idempotency_key_reused", "job_gone")
_ROOM: Final = ("too_many_jobs", "queue_full", "storage", "storage_full", "too_many_uploads", "uploads_full")

_RESPONSE_HEADERS: Final = {
    "Accept-Ranges": "Always `bytes`: the file can be requested in ranges.",
    "Allow": "The methods that this path supports.",
    "Content-Disposition": "The suggested file name. It is made from the job's id and the variant.",
    "Content-Range": "The position of these bytes in the file, and the size of the file.",
    "ETag": "The version of this response. Send it as `If-None-Match` to get a 304 while nothing has changed.",
    "Idempotent-Replayed": "`true` if this `Idempotency-Key` has created the job before.",
    "Location": "The URL of the job: a path, or an absolute URL if the service sets `V2M_PUBLIC_URL`.",
    "Retry-After": "The number of seconds to wait before the next request.",
    "WWW-Authenticate": "Always `Bearer`.",
}
_REQUEST_HEADERS: Final = {
    "If-None-Match": ("The `ETag` of the response that you have. The answer is 304 if it is still current.", '"a1b2"'),
    "If-Range": (
        "The `ETag` of the file that you have a part of. `Range` is ignored if it does not match.",
        '"a1b2"',
    ),
    "Range": ("One range of bytes. Several ranges in one request are ignored: the whole file is sent.", "bytes=0-1023"),
}


def problem_responses(*kinds: str) -> Responses:
    """The responses for these types of problems, one for each status."""
    types = sorted((CATALOG[kind] for kind in set(kinds)), key=lambda one: (one.status, one.kind))
    return {status: _response(status, [*ones]) for status, ones in groupby(types, key=lambda one: one.status)}


def response_headers(*names: str, required: bool = True) -> dict[str, Any]:
    """The headers of a response."""
    return {
        name: {"description": _RESPONSE_HEADERS[name], "required": required, "schema": {"type": "string"}}
        for name in names
    }


def header_parameters(*names: str) -> list[dict[str, Any]]:
    """Request headers that a route reads itself, without FastAPI."""
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": _REQUEST_HEADERS[name][0],
            "schema": {"type": "string", "examples": [_REQUEST_HEADERS[name][1]]},
        }
        for name in names
    ]


def job_creation_responses(*kinds: str) -> Responses:
    """The responses of a route that creates a job; `kinds` are the problems that only this route has."""
    headers = response_headers("Location") | response_headers("Idempotent-Replayed", "Retry-After", required=False)
    return {
        202: {"description": "The job was created.", "headers": headers},
        **problem_responses(*_VIDEO, *_FORM, *_KEY, *_ROOM, *CHANGING, *kinds),
    }


def _response(status: int, types: list[type[Problem]]) -> dict[str, Any]:
    on_all = set.intersection(*(set(one.header_names) for one in types))
    on_some = {name for one in types for name in one.header_names} - on_all
    return {
        "description": HTTPStatus(status).phrase + ": " + ", ".join(f"`{one.kind}`" for one in types),
        "headers": {**response_headers(*sorted(on_all)), **response_headers(*sorted(on_some), required=False)},
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": f"#/components/schemas/{PROBLEM_SCHEMA}"},
                "examples": {one.kind: {"summary": one.when, "value": _example(one)} for one in types},
            }
        },
    }


def _example(one: type[Problem]) -> dict[str, Any]:
    return {
        "type": TYPE_PREFIX + one.kind,
        "title": one.title,
        "status": one.status,
        "detail": f"{one.when} {one.remedy}",
    }
