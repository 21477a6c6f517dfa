"""Cursors of the job list: opaque text that marks where a page ends."""

import base64
import binascii
import math

from jobs.record import JobRecord, is_job_id
from service.problems import Problem


def cursor_after(record: JobRecord) -> str:
    """The cursor for the jobs that are older than this one."""
    text = f"{record.created_at.timestamp()!r} {record.id}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def parse_cursor(cursor: str) -> tuple[float, str]:
    """Creation time (seconds since 1970) and id of the job before the page. Problem 422 if it is malformed."""
    try:
        created, job_id = base64.b64decode(cursor, altchars=b"-_", validate=True).decode("ascii").split(" ")
        seconds = float(created)
    except (binascii.Error, ValueError):
        raise _invalid() from None
    if not math.isfinite(seconds) or not is_job_id(job_id):
        raise _invalid()
    return seconds, job_id


def _invalid() -> Problem:
    detail = "cursor: is not a next_cursor of this API; leave it out to start with the newest jobs"
    return Problem(422, "invalid_cursor", detail, field="cursor")
