"""Job creation: the form is checked, the video stored, and the job queued."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, cast

import structlog
from pydantic import JsonValue
from redis.exceptions import RedisError

from jobs.idempotency import KeyLease, KeyLeaseLostError
from jobs.queue import NotSubmittedError, QueueFullError, TooManyJobsError
from jobs.record import JobRecord, now
from jobs.store import StoreError
from jobs.store.scratch import UploadTooLargeError
from model_core.errors import InputError
from model_core.media import MediaLimits, probe
from model_core.options import check_prompt
from service.auth.keys import Caller
from service.dependencies import Services
from service.errors.handlers import from_limit
from service.errors.jobs import IdempotencyKeyInUse
from service.errors.server import Unavailable
from service.errors.uploads import UploadTooLarge, from_input_error
from service.idempotency import replay
from service.middleware.request_log import current_request_id
from service.uploads.form import JobForm, parse_options

log: Final = structlog.get_logger(__name__)
_PROBE_S: Final = 60  # a client waits for the response


@dataclass(frozen=True)
class Accepted:
    """A new job, or the existing job of the Idempotency-Key (``replayed``)."""

    record: JobRecord
    replayed: bool = False


def accept(services: Services, caller: Caller, claim: KeyLease | None, form: JobForm) -> Accepted:
    """Checks everything, stores the upload and queues the job. After an error there is neither a job nor a file.

    The upload is stored before the job is queued, so that every job has its video. ``claim``: that of the request's
    idempotency key. Problem if the request is rejected.
    """
    settings = services.settings
    try:
        prompt, options = check_prompt(form.prompt), parse_options(form.options)
        room = min(form.video.size or 0, settings.max_upload_bytes)
        services.retention.check_disk(room)  # before the file is copied
        digest = hashlib.sha256()
        with services.store.scratch.file(form.video.file, settings.max_upload_bytes, digest.update) as received:
            wanted = JobRecord.new(
                prompt,
                options,
                {},
                kind=form.kind,
                owner=caller.name,
                webhook=form.webhook,
                request_id=current_request_id(),
                upload_bytes=received.stat().st_size,
                upload_sha256=digest.hexdigest(),
            )
            existing = None if claim is None else replay(services, claim, wanted)
            return _create(services, wanted, received, claim) if existing is None else Accepted(existing, replayed=True)
    except UploadTooLargeError:
        raise UploadTooLarge(settings.max_upload_bytes) from None
    except (QueueFullError, TooManyJobsError) as error:
        raise from_limit(error) from error
    except InputError as error:
        raise from_input_error(error, settings.max_duration_s) from error


def _create(services: Services, wanted: JobRecord, received: Path, claim: KeyLease | None) -> Accepted:
    limits = MediaLimits(max_duration_s=services.settings.max_duration_s, wall_s=_PROBE_S, cpu_s=_PROBE_S)
    with services.uploads.probing:
        info = cast("dict[str, JsonValue]", asdict(probe(received, limits)))
    record = wanted.model_copy(update={"video": info, "created_at": now()})
    with structlog.contextvars.bound_contextvars(job_id=record.id):
        _store(services, record, received)
        accepted = _submit(services, record, claim)
        if not accepted.replayed:
            log.info("job_created", kind=record.kind, bytes=record.upload_bytes, duration=info["duration"])
    return accepted


def _store(services: Services, record: JobRecord, received: Path) -> None:
    services.queue.check_room()  # fails if Redis is down: otherwise every attempt would leave a file behind
    services.queue.check_open(record.owner)
    services.retention.make_room(record.upload_bytes)
    try:
        services.store.put_upload(record.id, received)
    except Exception:
        services.retention.release(record.upload_bytes)
        raise


def _submit(services: Services, record: JobRecord, claim: KeyLease | None) -> Accepted:
    try:
        _queue(services, record, claim)
    except KeyLeaseLostError as lost:
        existing = None if claim is None else replay(services, claim, record)
        if existing is None:
            raise IdempotencyKeyInUse from lost
        return Accepted(existing, replayed=True)
    except NotSubmittedError as error:
        log.error("job_not_taken", error=str(error))
        raise Unavailable("The job store accepts no new jobs at the moment. Try again later.") from error
    return Accepted(record)


def _queue(services: Services, record: JobRecord, claim: KeyLease | None) -> None:
    """Queues the job. Removes its upload again if the job was certainly not queued."""
    try:
        services.queue.submit(record, claim)
    except RedisError as error:
        # The job may have been queued, so its upload stays. If it was not, Retention removes the upload.
        log.error("job_in_doubt", error=str(error))
        detail = "The job store stopped answering. It is not known yet whether the job was created. Try again later."
        raise Unavailable(detail, record.id) from error
    except Exception:
        _remove_upload(services, record)
        raise


def _remove_upload(services: Services, record: JobRecord) -> None:
    """Removes the upload of a job that was not queued."""
    try:
        services.store.remove(record.id)
        services.retention.release(record.upload_bytes)
    except (StoreError, RedisError) as error:  # Retention removes it: the job has no record
        log.warning("files_not_removed", what="upload", error=str(error))
