"""Cursors of the job list: opaque text that marks where a page ends."""

import base64
import binascii
import math

from jobs.record import JobRecord, is_job_id
from service.errors.requests import InvalidCursor


def cursor_after(record: JobRecord) -> str:
    """The cursor for the jobs that are older than this one."""
    text = f"{record.created_at.timestamp()!r} {record.id}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def parse_cursor(cursor: str) -> tuple[float, str]:
    """Creation time, in seconds since 1970, and id of the last job of the page before; Problem 422 if invalid."""
    try:
        created, job_id = base64.b64decode(cursor, altchars=b"-_", validate=True).decode("ascii").split(" ")
        seconds = float(created)
    except (binascii.Error, ValueError):
        raise InvalidCursor from None
    if not math.isfinite(seconds) or not is_job_id(job_id):
        raise InvalidCursor
    return seconds, job_id
