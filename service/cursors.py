"""Where a page of a list ends, as text that clients hand back and need not understand."""

import base64
import binascii
import math

from jobs.record import JobRecord, is_job_id
from service.problems import Problem


def cursor_after(record: JobRecord) -> str:
    """The cursor of the jobs that are older than this one."""
    text = f"{record.created_at.timestamp()!r} {record.id}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def parse_cursor(cursor: str) -> tuple[float, str]:
    """Time of making, in seconds since 1970, and id of the job that the page comes after; Problem 422 else."""
    try:
        made, job_id = base64.b64decode(cursor, altchars=b"-_", validate=True).decode("ascii").split(" ")
        seconds = float(made)
    except (binascii.Error, ValueError):
        raise _invalid() from None
    if not math.isfinite(seconds) or not is_job_id(job_id):
        raise _invalid()
    return seconds, job_id


def _invalid() -> Problem:
    detail = "cursor: is not the next_cursor of a page; leave it out to begin with the newest jobs"
    return Problem(422, "invalid_cursor", detail, field="cursor")
