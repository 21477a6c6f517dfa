"""What a client sends to make a job: read, checked, and refused with the name of the field at fault."""

from dataclasses import asdict
from typing import Annotated, Final, cast

import structlog
from fastapi import Depends, Request, UploadFile
from pydantic import JsonValue, ValidationError

from jobs.record import JobRecord
from jobs.store import UploadTooLargeError
from model_core.errors import InputError
from model_core.media import MediaLimits, probe
from model_core.options import ScoreOptions, check_prompt
from service.dependencies import Services
from service.problems import Problem, from_input_error, unavailable, upload_too_large

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
    """Checks everything, stores the upload and queues the job. A refusal leaves neither a job nor a file."""
    settings = services.settings
    try:
        text, chosen = check_prompt(prompt), parse_options(options)
        with services.store.receive(video.file, settings.max_upload_bytes) as received:
            limits = MediaLimits(max_duration_s=settings.max_duration_s, wall_s=_PROBE_S, cpu_s=_PROBE_S)
            info = probe(received, limits)
            record = JobRecord.new(text, chosen, cast("dict[str, JsonValue]", asdict(info)))
            services.store.keep_upload(received, record.id)
    except UploadTooLargeError:
        raise upload_too_large(settings.max_upload_bytes) from None
    except InputError as error:
        raise from_input_error(error, settings.max_duration_s) from error
    except OSError as error:
        log.error("upload_not_stored", error=str(error))
        raise unavailable("The upload could not be stored. Try again later.", "storage") from error
    try:
        services.queue.submit(record)
    except BaseException:
        services.store.remove(record.id)
        raise
    return record
