"""Route that serves the results of a job, whole or in ranges."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from jobs.record import JobStatus
from model_core.results import RESULTS, Variant
from service.dependencies import RecordDep, ServicesDep
from service.downloads import ArtifactResponse
from service.errors.jobs import Expired, NoContent, NotCompleted, UnknownVariant
from service.openapi.responses import EVERYWHERE, Responses, header_parameters, problem_responses, response_headers

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
_BYTES: Final = {"schema": {"type": "string", "format": "binary"}}
_JSON_TYPE: Final = "application/json"
_MEDIA_TYPES: Final = dict.fromkeys(kind for result in RESULTS.values() for kind in result.media_types.values())
# Generated clients take the first type that they know. As JSON they would parse the video, so bytes come first.
_TYPES: Final = ("application/octet-stream", *(kind for kind in _MEDIA_TYPES if kind != _JSON_TYPE))
_JSON: Final = {
    "schema": {
        "title": "Document",
        "description": "The `curve` or the `report`.",
        "type": "object",
        "additionalProperties": True,
    },
    "example": {
        "encoder": "efficientnet-lite0",
        "window_s": 0.2,
        "times_s": [0.04, 0.12],
        "values": [-0.4, 1.2],
        "events": [{"time_s": 0.12, "strength": 1.2}],
    },
}
_FILE: Final = dict.fromkeys(_TYPES, _BYTES) | {_JSON_TYPE: _JSON}
_PART: Final[dict[str, Any]] = dict.fromkeys(_TYPES, _BYTES) | {_JSON_TYPE: {}}  # a part is not valid JSON
_FILE_HEADERS: Final = response_headers("Accept-Ranges", "Content-Disposition", "ETag")
_RESPONSES: Final[Responses] = {
    200: {
        "description": "The file of the `variant`:\n\n"
        + "\n".join(f"- `{variant.value}`: {result.description}" for variant, result in RESULTS.items()),
        "content": _FILE,
        "headers": _FILE_HEADERS,
    },
    206: {
        "description": "The range of bytes that `Range` asks for.",
        "content": _PART,
        "headers": _FILE_HEADERS | response_headers("Content-Range"),
    },
    304: {
        "description": "The file has not changed since the `ETag` in `If-None-Match`.",
        "headers": response_headers("ETag"),
    },
    **problem_responses(
        *("unknown_job", "unknown_variant", "not_completed", "no_content", "expired", "invalid_request"),
        *("malformed_range", "range_not_satisfiable", "storage", "link_expired"),
        *EVERYWHERE,
    ),
}


@router.head("/{job_id}/content", include_in_schema=False)
@router.get(
    "/{job_id}/content",
    response_class=Response,
    responses=_RESPONSES,
    openapi_extra={"parameters": header_parameters("Range", "If-Range", "If-None-Match")},
)
def get_content(
    services: ServicesDep,
    record: RecordDep,
    variant: Annotated[Variant, Query(description="The result to download.")] = Variant.VIDEO,
) -> Response:
    """Downloads a result of a completed job.

    Ranges and conditional requests are supported, so a download that was interrupted can be resumed. A result never
    changes.
    """
    if record.status in (JobStatus.FAILED, JobStatus.CANCELED):
        raise NoContent(record.status.value)
    if record.status is not JobStatus.COMPLETED:
        raise NotCompleted(record.status.value)
    if record.expired_at is not None:
        raise Expired(record.expired_at)
    if variant not in record.artifacts:
        raise UnknownVariant(variant.value, record.artifacts)
    return ArtifactResponse(services.store, record, variant)
