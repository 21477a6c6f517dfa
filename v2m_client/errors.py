"""Errors of the client."""

from typing import Any, Final

import httpx

_PASSING: Final = frozenset({408, 429, 502, 503, 504, 507})
_UNCERTAIN: Final = frozenset({500, 502, 503, 504})
_IN_USE: Final = "idempotency_key_in_use"


class ClientError(Exception):
    """Base class of all errors of this package.

    Attributes:
        is_passing: the error is temporary; a later attempt may succeed.
        retry_after_s: seconds that the API asks to wait; None if it did not say.
        is_uncertain: the request may have taken effect.
        repeated: an earlier attempt of the same request may have taken effect.
    """

    is_passing: bool = False
    retry_after_s: float | None = None
    is_uncertain: bool = False
    repeated: bool = False


class ApiError(ClientError):
    """The API answered with an error.

    Attributes:
        status: HTTP status.
        kind: last part of the problem's `type`, which never changes; None if another server answered.
        detail: what is wrong, as a sentence.
        field: the invalid input, if there is one.
        limit: its limit, if there is one.
        request_id: id of the request in the service's log.
        members: all other members of the problem.
    """

    def __init__(
        self,
        status: int,
        kind: str | None,
        detail: str,
        *,
        request_id: str | None = None,
        retry_after_s: float | None = None,
        members: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.members = dict(members or {})
        field = self.members.pop("field", None)
        self.field = field if isinstance(field, str) else None
        self.limit = self.members.pop("limit", None)
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.is_passing = status in _PASSING or kind == _IN_USE
        self.is_uncertain = status in _UNCERTAIN  # the error may have come after the effect

    @classmethod
    def of(cls, answer: httpx.Response) -> "ApiError":
        """The error for an answer whose body has been read, whatever the body contains."""
        problem = _problem(answer)
        kind = problem.pop("type", "").rpartition(":")[2] or None
        detail = problem.pop("detail", None) or f"The server answered {answer.status_code} {answer.reason_phrase}."
        for known in ("title", "status", "request_id"):
            problem.pop(known, None)
        return cls(
            answer.status_code,
            kind,
            str(detail),
            request_id=answer.headers.get("X-Request-ID"),
            retry_after_s=retry_after_s(answer),
            members=problem,
        )


class NoAnswerError(ClientError):
    """The API cannot be reached, or the connection broke."""

    def __init__(self, detail: str, *, is_passing: bool, is_uncertain: bool = True) -> None:
        super().__init__(detail)
        self.is_passing = is_passing
        self.is_uncertain = is_uncertain


def retry_after_s(answer: httpx.Response) -> float | None:
    """The header `Retry-After` in seconds; None if it is missing or a date."""
    value = answer.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None


def _problem(answer: httpx.Response) -> dict[str, Any]:
    """The members of the body; empty if it is not a problem, for example the error page of a proxy."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return dict(body) if isinstance(body, dict) and isinstance(body.get("type"), str) else {}
