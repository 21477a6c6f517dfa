"""How many streams of events there may be: each keeps a connection, and with it a file descriptor of this process."""

import resource
from typing import Final

from service.problems import Problem

OF_A_JOB: Final = 32
"""Whoever has a link to one job needs no key, and so much is enough for all who look at it."""
_MOST: Final = 10_000  # the memory of more is better spent on something else
_RETRY_AFTER_S: Final = "30"


def of_this_process() -> int:
    """Half of what this process may open: the other half is for requests, Redis and files."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else min(soft // 2, _MOST)


def too_many_streams() -> Problem:
    """429 when as many streams of this job are open as may."""
    detail = f"{OF_A_JOB} streams of this job are open already. Try again later, or ask for the job itself."
    return Problem(429, "too_many_streams", detail, headers={"Retry-After": _RETRY_AFTER_S}, limit=OF_A_JOB)


def streams_full(limit: int) -> Problem:
    """503 when this process has as many streams as it may."""
    detail = f"{limit} streams are open already. Try again later, or ask for the job itself."
    return Problem(503, "streams_full", detail, headers={"Retry-After": _RETRY_AFTER_S}, limit=limit)
