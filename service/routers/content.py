"""What a job made: whole, in ranges, or only asked after."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from jobs.record import JobStatus
from model_core.results import Variant
from service.dependencies import RecordDep, ServicesDep
from service.downloads.artifact_response import MEDIA_TYPES, ArtifactResponse
from service.job_views import POLL_S
from service.openapi.responses import EVERYWHERE, Responses, documented, headers, parameters
from service.problems import Problem

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
_BYTES: Final = {"schema": {"type": "string", "format": "binary"}}
_FILE: Final = dict.fromkeys(MEDIA_TYPES.values(), _BYTES) | {MEDIA_TYPES[".json"]: {"schema": {"type": "object"}}}
_PART: Final[dict[str, Any]] = {kind: {} for kind in MEDIA_TYPES.values()}  # of JSON it is none
_HAS: Final = headers("Accept-Ranges", "Content-Disposition", "ETag")
_ANSWERS: Final[Responses] = {
    200: {
        "description": "The file. `video` is MP4, QuickTime, Matroska or Windows Media, as the upload's pictures need "
        "it; `audio` is WAV, `midi` MIDI, `curve` and `report` are JSON.",
        "content": _FILE,
        "headers": _HAS,
    },
    206: {
        "description": "The part of the file that Range asks for.",
        "content": _PART,
        "headers": _HAS | headers("Content-Range"),
    },
    304: {"description": "The file is the one that If-None-Match names.", "headers": headers("ETag")},
    **documented(
        *("unknown_job", "unknown_variant", "not_completed", "no_content", "expired", "invalid_request"),
        *("malformed_range", "range_not_satisfiable", "storage", "link_expired"),
        *EVERYWHERE,
    ),
}


@router.head("/{job_id}/content", include_in_schema=False)
@router.get(
    "/{job_id}/content",
    response_class=Response,
    responses=_ANSWERS,
    openapi_extra={"parameters": parameters("Range", "If-Range", "If-None-Match")},
)
def get_content(
    services: ServicesDep, record: RecordDep, variant: Annotated[Variant, Query()] = Variant.VIDEO
) -> Response:
    """One of the job's results, whole or in ranges."""
    if record.status in (JobStatus.FAILED, JobStatus.CANCELED):
        raise Problem(
            410,
            "no_content",
            f"The job is {record.status.value}; it has no results and will have none. Make a new job.",
        )
    if record.status is not JobStatus.COMPLETED:
        detail = f"The job is {record.status.value}; its results are there once it is completed."
        raise Problem(409, "not_completed", detail, headers={"Retry-After": POLL_S})
    if record.expired_at is not None:
        detail = f"The results were removed at {record.expired_at.isoformat(timespec='seconds')}. Make the job anew."
        raise Problem(410, "expired", detail)
    if variant not in record.artifacts:
        there = ", ".join(record.artifacts)
        raise Problem(
            404, "unknown_variant", f"variant: the job has no {variant.value}; it has {there}", field="variant"
        )
    return ArtifactResponse(services.store, record, variant)
