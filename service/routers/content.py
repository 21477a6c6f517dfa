"""What a job made: whole, in ranges, or only asked after."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from jobs.artifact import Variant
from jobs.record import JobStatus
from service.dependencies import RecordDep, ServicesDep
from service.downloads.artifact_response import MEDIA_TYPES, ArtifactResponse
from service.errors.jobs import Expired, NoContent, NotCompleted, UnknownVariant
from service.openapi.responses import EVERYWHERE, Responses, documented, headers, parameters

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
        raise NoContent(record.status.value)
    if record.status is not JobStatus.COMPLETED:
        raise NotCompleted(record.status.value)
    if record.expired_at is not None:
        raise Expired(record.expired_at)
    if variant not in record.artifacts:
        raise UnknownVariant(variant.value, record.artifacts)
    return ArtifactResponse(services.store, record, variant)
