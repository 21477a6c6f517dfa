"""What can go wrong: the API says no, or it says nothing."""

from typing import Any, Final

import httpx

_PASSING: Final = frozenset({408, 429, 502, 503, 504, 507})
_UNCERTAIN: Final = frozenset({500, 502, 503, 504})
_IN_USE: Final = "idempotency_key_in_use"


class ClientError(Exception):
    """The base of all errors of this package.

    Attributes:
        is_passing: asking again later may help.
        retry_after_s: the API asked to wait this many seconds; None where it did not say.
        is_uncertain: the request may have had its effect all the same.
        repeated: an earlier try of the same request may have had its effect.
    """

    is_passing: bool = False
    retry_after_s: float | None = None
    is_uncertain: bool = False
    repeated: bool = False


class ApiError(ClientError):
    """An answer that is not a success.

    Attributes:
        status: of the HTTP answer.
        kind: the stable word that the problem's ``type`` ends in; None when the answer is no problem of this API.
        detail: a sentence for people.
        field: the input at fault, if there is one.
        limit: its limit, if there is one.
        request_id: what the server's log knows the request by.
        members: everything else that the problem says.
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
        self.is_uncertain = status in _UNCERTAIN  # what went out may have done so after the effect

    @classmethod
    def of(cls, answer: httpx.Response) -> "ApiError":
        """The error that an answer tells of, whose body has been read; whatever the body is."""
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
    """The API cannot be reached, or the connection broke off."""

    def __init__(self, detail: str, *, is_passing: bool, is_uncertain: bool = True) -> None:
        super().__init__(detail)
        self.is_passing = is_passing
        self.is_uncertain = is_uncertain


def retry_after_s(answer: httpx.Response) -> float | None:
    """The header ``Retry-After`` in seconds; None when it is not there, or is a date."""
    given = answer.headers.get("Retry-After", "")
    return float(given) if given.isascii() and given.isdigit() else None


def _problem(answer: httpx.Response) -> dict[str, Any]:
    """The members of the body; empty when it is no problem, but the page of some proxy, say."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return dict(body) if isinstance(body, dict) and isinstance(body.get("type"), str) else {}
