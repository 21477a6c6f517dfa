"""Makes a job of what a client sends: read, checked, stored, and queued, or refused with the field at fault."""

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
from service.auth.caller import Caller
from service.dependencies import Services
from service.idempotency import in_use, replay
from service.problems import from_input_error, queue_full, too_many_jobs, unavailable, upload_too_large
from service.request_id import current
from service.uploads.form import JobForm, parse_options

log: Final = structlog.get_logger(__name__)
_PROBE_S: Final = 60  # a client waits for the answer


@dataclass(frozen=True)
class Accepted:
    """The job, new or, when the request was ``replayed``, the one that its first sending has made."""

    record: JobRecord
    replayed: bool = False


def accept(services: Services, caller: Caller, claim: KeyLease | None, form: JobForm) -> Accepted:
    """Checks everything, stores the upload and queues the job. A refusal leaves neither a job nor a file.

    The upload is in the store before the job is in the queue, so that no job is ever without its video. ``claim`` is to
    the request's idempotency key.
    """
    settings = services.settings
    try:
        prompt, options = check_prompt(form.prompt), parse_options(form.options)
        room = min(form.video.size or 0, settings.max_upload_bytes)
        services.retention.check_disk(room)  # before the disk takes a copy
        digest = hashlib.sha256()
        with services.store.scratch.file(form.video.file, settings.max_upload_bytes, digest.update) as received:
            asked = JobRecord.new(
                prompt,
                options,
                {},
                kind=form.kind,
                owner=caller.name,
                webhook=form.webhook,
                request_id=current(),
                upload_bytes=received.stat().st_size,
                upload_sha256=digest.hexdigest(),
            )
            made = None if claim is None else replay(services, claim, asked)
            return _take(services, asked, received, claim) if made is None else Accepted(made, replayed=True)
    except UploadTooLargeError:
        raise upload_too_large(settings.max_upload_bytes) from None
    except InputError as error:
        raise from_input_error(error, settings.max_duration_s) from error


def _take(services: Services, asked: JobRecord, received: Path, claim: KeyLease | None) -> Accepted:
    limits = MediaLimits(max_duration_s=services.settings.max_duration_s, wall_s=_PROBE_S, cpu_s=_PROBE_S)
    with services.uploads.probing:
        info = cast("dict[str, JsonValue]", asdict(probe(received, limits)))
    record = asked.model_copy(update={"video": info, "created_at": now()})
    with structlog.contextvars.bound_contextvars(job_id=record.id):
        _store(services, record, received)
        taken = _submit(services, record, claim)
        if not taken.replayed:
            log.info("job_created", kind=record.kind, bytes=record.upload_bytes, duration=info["duration"])
    return taken


def _store(services: Services, record: JobRecord, received: Path) -> None:
    try:
        services.queue.check_room()  # also shows that Redis answers: otherwise every try would leave a file behind
        services.queue.check_open(record.owner)
    except QueueFullError as full:
        raise queue_full(full.limit) from full
    except TooManyJobsError as many:
        raise too_many_jobs(many.limit) from many
    services.retention.make_room(record.upload_bytes)
    try:
        services.store.put_upload(record.id, received)
    except Exception:
        services.retention.release(record.upload_bytes)
        raise


def _submit(services: Services, record: JobRecord, claim: KeyLease | None) -> Accepted:
    try:
        _queue(services, record, claim)
    except QueueFullError as full:
        raise queue_full(full.limit) from full
    except TooManyJobsError as many:
        raise too_many_jobs(many.limit) from many
    except KeyLeaseLostError as lost:
        made = None if claim is None else replay(services, claim, record)
        if made is None:
            raise in_use() from lost
        return Accepted(made, replayed=True)
    except NotSubmittedError as error:
        log.error("job_not_taken", error=str(error))
        raise unavailable("The job store takes no new jobs at present. Try again later.") from error
    return Accepted(record)


def _queue(services: Services, record: JobRecord, claim: KeyLease | None) -> None:
    """The job's place in the queue; whatever keeps it from one for certain leaves no upload."""
    try:
        services.queue.submit(record, claim)
    except RedisError as error:
        # The job may be in the queue all the same, so its upload stays; if it is not, Retention finds the upload.
        log.error("job_in_doubt", error=str(error))
        detail = "The job store stopped answering. Whether the job was taken shows once it answers again."
        raise unavailable(detail, job_id=record.id) from error
    except Exception:
        _take_back(services, record)
        raise


def _take_back(services: Services, record: JobRecord) -> None:
    """Removes the upload of a job that was not taken."""
    try:
        services.store.remove(record.id)
        services.retention.release(record.upload_bytes)
    except (StoreError, RedisError) as error:  # Retention finds it: there is no record of the job
        log.warning("files_not_removed", what="upload", error=str(error))
