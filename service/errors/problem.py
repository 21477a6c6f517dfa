"""Base classes of the API's errors: problem details of RFC 9457, one class for each type."""

from collections.abc import Mapping, Sequence
from inspect import cleandoc
from typing import ClassVar, Final, TypedDict

from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:v2m-zero:problem:"
RETRY_AFTER: Final = "Retry-After"
SOON_S: Final = 5
"""Retry-After of short outages, in seconds."""
LATER_S: Final = 30
"""Retry-After of limits that last as long as a job does, in seconds."""


class FieldError(TypedDict):
    """One invalid field: its name, such as ``options.steps``, and a sentence that says what is wrong."""

    field: str
    detail: str


class Problem(HTTPException):
    """An error of the API. Each subclass with a `kind` is one type; its docstring says when it occurs.

    It is an HTTPException because FastAPI passes only those on unchanged while it parses a request body.

    Attributes:
        kind: end of the `type` URI. It never changes, because programs depend on it.
        title: a few words that name the type.
        status: HTTP status.
        when: the class's docstring, for docs/errors.md and the OpenAPI document.
        remedy: what the client can do, in one or two sentences.
        header_names: headers that every response of this type has.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    status: ClassVar[int]
    when: ClassVar[str]
    remedy: ClassVar[str]
    header_names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls.when = cleandoc(cls.__doc__ or "")

    def __init__(
        self,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        field: str | None = None,
        limit: float | str | None = None,
        errors: Sequence[FieldError] | None = None,
        job_id: str | None = None,
        missing: Mapping[str, str] | None = None,
        request_id: str | None = None,
    ) -> None:
        """`detail` is one or more sentences; the other arguments become members of the JSON object unless None."""
        super().__init__(self.status, detail, None if headers is None else dict(headers))
        members = {
            "field": field,
            "limit": limit,
            "errors": errors,
            "job_id": job_id,
            "missing": missing,
            "request_id": request_id,
        }
        self.members = {name: value for name, value in members.items() if value is not None}

    def response(self) -> Response:
        """The problem as an HTTP response."""
        body = {
            "type": TYPE_PREFIX + self.kind,
            "title": self.title,
            "status": self.status_code,
            "detail": self.detail,
            **self.members,
        }
        return JSONResponse(body, self.status_code, self.headers, media_type=MEDIA_TYPE)


class RetryableProblem(Problem):
    """A problem that the same request may not have later. It always has a Retry-After header."""

    header_names = (RETRY_AFTER,)

    def __init__(
        self,
        detail: str,
        retry_after_s: int,
        *,
        field: str | None = None,
        limit: float | str | None = None,
        job_id: str | None = None,
        missing: Mapping[str, str] | None = None,
    ) -> None:
        """`retry_after_s`: seconds after which the client should try again."""
        headers = {RETRY_AFTER: str(retry_after_s)}
        super().__init__(detail, headers=headers, field=field, limit=limit, job_id=job_id, missing=missing)
