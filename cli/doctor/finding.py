"""What a check found, and what every check is given."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from redis import Redis

from jobs.infra.settings import Settings

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's.

    Attributes:
        state: ``fail`` when jobs cannot be done, or may be lost, until something is done about it.
        subject: what was looked at.
        found: what is there.
        advice: what to do about it; None when nothing needs doing.
    """

    state: State
    subject: str
    found: str
    advice: str | None = None


def ok(subject: str, found: str) -> Finding:
    """As it should be."""
    return Finding("ok", subject, found)


def warn(subject: str, found: str, advice: str) -> Finding:
    """It works, and yet somebody should look at it."""
    return Finding("warn", subject, found, advice)


def fail(subject: str, found: str, advice: str) -> Finding:
    """It does not work."""
    return Finding("fail", subject, found, advice)


@dataclass(frozen=True)
class Deployment:
    """What is looked at.

    Attributes:
        redis: a client that waits for nothing; None when Redis does not answer.
    """

    settings: Settings
    redis: Redis | None


Check = Callable[[Deployment], Iterable[Finding]]
"""Looks, and neither starts nor changes anything."""
