"""What a route can answer besides its success, for the OpenAPI document."""

from http import HTTPStatus
from itertools import groupby
from typing import Any, Final

from service.errors.catalog import CATALOG
from service.errors.problem import MEDIA_TYPE, TYPE_PREFIX, Problem

PROBLEM_SCHEMA: Final = "Problem"
Responses = dict[int | str, dict[str, Any]]

HEALTH: Final = ("internal", "misdirected_request")
"""Of every route, also those of health."""
EVERYWHERE: Final = ("unauthorized", "rate_limited", "unavailable", *HEALTH)
"""Of all the others."""
CHANGING: Final = ("cross_site", *EVERYWHERE)
"""Of those that change something."""

_VIDEO: Final = (
    *("upload_too_large", "unsupported_media_type", "not_a_video", "playlist"),
    *("too_long", "empty_file", "no_video_stream", "no_frames", "too_large_picture", "codec", "unreadable", "budget"),
)
_FORM: Final = ("request_timeout", "bad_request", "invalid_request", "unknown_field", "invalid_webhook", "webhooks_off")
_KEY: Final = ("invalid_idempotency_key", "idempotency_key_in_use", "idempotency_key_reused", "job_gone")
_ROOM: Final = ("too_many_jobs", "queue_full", "storage", "storage_full", "too_many_uploads", "uploads_full")

_HEADERS: Final = {
    "Accept-Ranges": "`bytes`.",
    "Allow": "The methods that the path takes.",
    "Content-Disposition": "Names the file after the job.",
    "Content-Range": "Which bytes these are, and how many there are.",
    "ETag": "Stands for this answer; to be sent as If-None-Match.",
    "Idempotent-Replayed": "`true`: this Idempotency-Key has made this job before.",
    "Location": "The path of the job.",
    "Retry-After": "Seconds after which to ask again.",
    "WWW-Authenticate": "`Bearer`.",
}
_SENT: Final = {
    "If-None-Match": "ETags of what is known already.",
    "If-Range": "The ETag of the file that Range is meant for.",
    "Range": "One range of bytes, as `bytes=0-1023`.",
}


def documented(*kinds: str) -> Responses:
    """The answers of these types of problems, one for each status."""
    types = sorted((CATALOG[kind] for kind in set(kinds)), key=lambda one: (one.status, one.kind))
    return {status: _answer(status, [*ones]) for status, ones in groupby(types, key=lambda one: one.status)}


def headers(*names: str, required: bool = True) -> dict[str, Any]:
    """The headers of an answer."""
    return {name: {"description": _HEADERS[name], "required": required, "schema": {"type": "string"}} for name in names}


def parameters(*names: str) -> list[dict[str, Any]]:
    """Headers of a request that its answer looks at by itself."""
    return [{"name": name, "in": "header", "description": _SENT[name], "schema": {"type": "string"}} for name in names]


def making(*kinds: str) -> Responses:
    """Of a request that makes a job; ``kinds``: what it can be besides."""
    made = headers("Location") | headers("Idempotent-Replayed", "Retry-After", required=False)
    return {
        202: {"description": "The job.", "headers": made},
        **documented(*_VIDEO, *_FORM, *_KEY, *_ROOM, *CHANGING, *kinds),
    }


def _answer(status: int, types: list[type[Problem]]) -> dict[str, Any]:
    on_all = set.intersection(*(set(one.header_names) for one in types))
    on_some = {name for one in types for name in one.header_names} - on_all
    return {
        "description": HTTPStatus(status).phrase + ": " + ", ".join(f"`{one.kind}`" for one in types),
        "headers": {**headers(*sorted(on_all)), **headers(*sorted(on_some), required=False)},
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
