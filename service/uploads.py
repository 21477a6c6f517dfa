"""What a client sends to make a job: read, checked, and refused with the name of the field at fault."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final, cast

import structlog
from fastapi import Depends, Request, UploadFile
from pydantic import JsonValue, ValidationError
from redis.exceptions import RedisError

from jobs.queue import NotTakenError, QueueFullError
from jobs.record import JobRecord
from jobs.scratch import UploadTooLargeError
from jobs.store import StoreError
from model_core.errors import InputError
from model_core.media import MediaLimits, probe
from model_core.options import ScoreOptions, check_prompt
from service.dependencies import Services
from service.problems import Problem, from_input_error, queue_full, unavailable, upload_too_large
from service.request_id import current

log: Final = structlog.get_logger(__name__)
FIELDS: Final = ("video", "prompt", "options")
_PROBE_S: Final = 60  # a client waits for the answer


async def check_form(request: Request) -> None:
    """415 unless the request is a multipart form, 422 for a field that the route does not know."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "multipart/form-data":
        detail = f"Content-Type: must be multipart/form-data, not {kind or 'nothing'}"
        raise Problem(415, "unsupported_media_type", detail, field="Content-Type")
    for name in await request.form():
        if name not in FIELDS:
            raise Problem(422, "unknown_field", f"{name[:100]}: is not one of {', '.join(FIELDS)}", field=name[:100])


FormCheck = Annotated[None, Depends(check_form)]


def parse_options(text: str | None) -> ScoreOptions:
    """The options from their JSON; 422 naming the option at fault."""
    if not text or not text.strip():
        return ScoreOptions()
    try:
        return ScoreOptions.model_validate_json(text)
    except ValidationError as error:
        errors = [
            {"field": ".".join(["options", *map(str, item["loc"])]), "detail": item["msg"]} for item in error.errors()
        ]
        first = errors[0]
        detail = f"{first['field']}: {first['detail']}"
        raise Problem(422, "invalid_options", detail, field=first["field"], errors=errors) from None


def accept(services: Services, video: UploadFile, prompt: str, options: str | None) -> JobRecord:
    """Checks everything, stores the upload and queues the job. A refusal leaves neither a job nor a file.

    The upload is in the store before the job is in the queue, so that no job is ever without its video.
    """
    settings = services.settings
    try:
        text, chosen = check_prompt(prompt), parse_options(options)
        services.retention.check_disk(min(video.size or 0, settings.max_upload_bytes))  # before the disk takes a copy
        with services.store.scratch.file(video.file, settings.max_upload_bytes) as received:
            limits = MediaLimits(max_duration_s=settings.max_duration_s, wall_s=_PROBE_S, cpu_s=_PROBE_S)
            info = cast("dict[str, JsonValue]", asdict(probe(received, limits)))
            size = received.stat().st_size
            record = JobRecord.new(text, chosen, info, request_id=current(), upload_bytes=size)
            with structlog.contextvars.bound_contextvars(job_id=record.id):
                _store(services, record, received)
                _submit(services, record)
    except UploadTooLargeError:
        raise upload_too_large(settings.max_upload_bytes) from None
    except InputError as error:
        raise from_input_error(error, settings.max_duration_s) from error
    return record


def _store(services: Services, record: JobRecord, received: Path) -> None:
    try:
        services.queue.check_room()  # also shows that Redis answers: otherwise every try would leave a file behind
    except QueueFullError as full:
        raise queue_full(full.limit) from full
    services.retention.make_room(record.upload_bytes)
    try:
        services.store.put_upload(record.id, received)
    except StoreError:
        services.retention.release(record.upload_bytes)
        raise


def _submit(services: Services, record: JobRecord) -> None:
    try:
        services.queue.submit(record)
    except QueueFullError as full:
        _take_back(services, record)
        raise queue_full(full.limit) from full
    except NotTakenError as error:
        log.error("job_not_taken", error=str(error))
        _take_back(services, record)
        raise unavailable("The job store takes no new jobs at present. Try again later.") from error
    except RedisError as error:
        # The job may be in the queue all the same, so its upload stays; if it is not, Retention finds the upload.
        log.error("job_in_doubt", error=str(error))
        detail = "The job store stopped answering. Whether the job was taken shows once it answers again."
        raise unavailable(detail, job_id=record.id) from error


def _take_back(services: Services, record: JobRecord) -> None:
    try:
        services.store.remove(record.id)
        services.retention.release(record.upload_bytes)
    except (StoreError, RedisError) as error:  # Retention finds it: there is no record of the job
        log.warning("files_not_removed", what="upload", error=str(error))
