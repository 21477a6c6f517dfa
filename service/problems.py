"""Errors as RFC 9457 problem details: every answer that is not a success has this shape and a stable ``type``."""

from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from jobs.store import StoreError, StoreFullError
from jobs.store.backend import from_os_error
from model_core.errors import InputError
from model_core.options import PROMPT_MAX_CHARS
from service.allowed import allowed
from service.problem_types import CATALOGUE
from service.request_id import current

log: Final = structlog.get_logger(__name__)
MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:v2m-zero:problem:"
RETRY_AFTER_S: Final = "5"
_LEFT: Final = 499  # heard by nobody: the client has left; for the log and the metrics
_BUSY_RETRY_AFTER_S: Final = "30"  # jobs take minutes

# What the framework answers by itself, and what to do about it. No other status comes from it.
_OF_FRAMEWORK: Final = {
    400: ("bad_request", "The form cannot be read: {} Send multipart/form-data with one file, video."),
    404: ("not_found", "There is nothing at this path. See /openapi.json for those there are."),
    405: ("method_not_allowed", "This path does not take this method. See the header Allow for those that it takes."),
}


class Problem(HTTPException):
    """An answer that is not a success. ``members`` become members of the JSON object, such as ``field``.

    An HTTPException, because only those pass through FastAPI's parsing of a body unchanged.
    """

    def __init__(
        self, status: int, kind: str, detail: str, *, headers: dict[str, str] | None = None, **members: Any
    ) -> None:
        """ValueError for a kind that is not in the catalogue, or there with another status or with more headers."""
        listed = CATALOGUE.get(kind)
        if listed is None or listed.status != status or not {*listed.headers} <= {*(headers or {})}:
            raise ValueError(f"the catalogue of problems has no {status} {kind} with these headers")
        super().__init__(status, detail, headers)
        self.kind = kind
        self.members = members

    def response(self) -> Response:
        """The problem as an HTTP answer."""
        body = {
            "type": TYPE_PREFIX + self.kind,
            "title": HTTPStatus(self.status_code).phrase,
            "status": self.status_code,
            "detail": self.detail,
            **self.members,
        }
        return JSONResponse(body, self.status_code, self.headers, media_type=MEDIA_TYPE)


def upload_too_large(limit: int) -> Problem:
    """413 for a video, or a whole request, over the limit of bytes."""
    return Problem(413, "upload_too_large", f"video: is over the limit of {limit} bytes", field="video", limit=limit)


def from_store_error(error: StoreError) -> Problem:
    """507 when there is no room, 503 when the store does not work otherwise. The cause is for the log alone."""
    if isinstance(error, StoreFullError):
        detail = "There is no room for it on the server. Try again later."
        return Problem(507, "storage_full", detail, headers={"Retry-After": _BUSY_RETRY_AFTER_S})
    return unavailable("The server's store does not work at present. Try again later.", "storage")


def queue_full(limit: int) -> Problem:
    """503 when as many jobs wait as may."""
    headers = {"Retry-After": _BUSY_RETRY_AFTER_S}
    return Problem(503, "queue_full", f"{limit} jobs wait already. Try again later.", headers=headers, limit=limit)


def too_many_jobs(limit: int) -> Problem:
    """429 when as many jobs of this key are open as may."""
    headers = {"Retry-After": _BUSY_RETRY_AFTER_S}
    detail = f"{limit} jobs of this key are queued or in progress already. Try again later."
    return Problem(429, "too_many_jobs", detail, headers=headers, limit=limit)


def unavailable(detail: str, kind: str = "unavailable", **members: Any) -> Problem:
    """503: not now, but later."""
    return Problem(503, kind, detail, headers={"Retry-After": RETRY_AFTER_S}, **members)


def from_input_error(error: InputError, max_duration_s: float) -> Problem:
    """The problem that names the field, its cause, and its limit where it has one."""
    members: dict[str, Any] = {"field": error.field}
    if error.code == "too_long":
        members["limit"] = PROMPT_MAX_CHARS if error.field == "prompt" else max_duration_s
    return Problem(CATALOGUE[error.code].status, error.code, str(error), **members)


def from_validation_error(error: RequestValidationError) -> Problem:
    """422 that names every field at fault; what was sent is not repeated."""
    errors = [{"field": _field(item["loc"]), "detail": item["msg"]} for item in error.errors()]
    first = errors[0]
    return Problem(422, "invalid_request", f"{first['field']}: {first['detail']}", field=first["field"], errors=errors)


def from_http_exception(request: Request, error: HTTPException) -> Problem:
    """What the framework raises: unknown routes, methods that a route lacks, a body that cannot be parsed."""
    kind, detail = _OF_FRAMEWORK[error.status_code]
    cause = f"{str(error.detail).removesuffix('.')}."
    headers = {"Allow": allowed(request)} if error.status_code == 405 else None
    return Problem(error.status_code, kind, detail.format(cause), headers=headers)


def install(app: FastAPI) -> None:
    """Makes every error of ``app`` a problem."""

    @app.exception_handler(Problem)
    async def on_problem(_request: Request, error: Problem) -> Response:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_request: Request, error: RequestValidationError) -> Response:
        return from_validation_error(error).response()

    @app.exception_handler(HTTPException)
    async def on_http_exception(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, ClientDisconnect):  # FastAPI takes that for a bad form, too
            return Response(status_code=_LEFT)
        if isinstance(error.__cause__, OSError):  # the body could not be spooled, which FastAPI takes for a bad form
            return on_broken_store(from_os_error(error.__cause__, "the form cannot be spooled"))
        return from_http_exception(request, error).response()

    @app.exception_handler(StoreError)
    async def on_store_error(_request: Request, error: StoreError) -> Response:
        return on_broken_store(error)

    @app.exception_handler(RedisError)
    async def on_redis_error(_request: Request, error: RedisError) -> Response:
        log.error("redis_unavailable", error=str(error))
        return unavailable("The job store does not answer. Try again soon.").response()

    @app.exception_handler(Exception)
    async def on_fault(request: Request, error: Exception) -> Response:
        # the server logs the traceback, because Starlette raises the error again after this answer
        log.error("request_failed", method=request.method, path=request.url.path, error=repr(error))
        about: dict[str, Any] = {} if (request_id := current()) is None else {"request_id": request_id}
        # the server ends the connection after a fault, which a client must know before it uses it again
        headers = {"Connection": "close"}
        return Problem(500, "internal", "A fault of ours. It has been logged.", headers=headers, **about).response()


def on_broken_store(error: StoreError) -> Response:
    """The answer; the cause goes to the log."""
    log.error("store_failed", error=str(error))
    return from_store_error(error).response()


def _field(location: tuple[int | str, ...]) -> str:
    inner = [str(part) for part in location if part not in ("body", "query", "path", "header")]
    return ".".join(inner) or "body"
