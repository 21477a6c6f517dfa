"""Exception handlers: every error of the application becomes a problem."""

from typing import Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from jobs.queue import QueueFullError, TooManyJobsError
from jobs.store import StoreError, StoreFullError
from jobs.store.backend import from_os_error
from jobs.validation import field_name, sentence
from service.errors.problem import FieldError, Problem
from service.errors.requests import BadRequest, InvalidRequest, MethodNotAllowed, NotFound
from service.errors.server import Internal, QueueFull, Storage, StorageFull, Unavailable
from service.errors.uploads import TooManyJobs
from service.middleware.request_log import current_request_id

log: Final = structlog.get_logger(__name__)
_CLIENT_LEFT: Final = 499  # never sent, because the client has closed the connection; for the log and the metrics
_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


def from_store_error(error: StoreError) -> Problem:
    """507 if there is no space, 503 for everything else. The cause is not shown: callers log it."""
    return StorageFull() if isinstance(error, StoreFullError) else Storage()


def from_limit(error: QueueFullError | TooManyJobsError) -> Problem:
    """503 if the queue is full, 429 if the key has too many open jobs."""
    return QueueFull(error.limit) if isinstance(error, QueueFullError) else TooManyJobs(error.limit)


def from_validation_error(error: RequestValidationError) -> Problem:
    """422 that names every invalid field. The values that were sent are not repeated."""
    errors: list[FieldError] = []
    for one in error.errors():
        field = field_name(one["loc"], "body", "query", "path", "header") or "body"
        errors.append({"field": field, "detail": sentence(field, one)})
    return InvalidRequest(errors)


def from_http_exception(request: Request, error: HTTPException) -> Problem:
    """Problem for an error of the framework: unknown path, unsupported method, or body that cannot be parsed."""
    match error.status_code:
        case 404:
            return NotFound()
        case 405:
            return MethodNotAllowed(allowed_methods(request))
    return BadRequest(str(error.detail).removesuffix("."))


def allowed_methods(request: Request) -> str:
    """All methods of a request's path, for the header Allow. Several routes may share a path."""
    routes = request.app.routes
    methods = [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    return ", ".join(methods)


def install(app: FastAPI) -> None:
    """Adds the handlers to ``app``."""

    @app.exception_handler(Problem)
    async def on_problem(_request: Request, error: Problem) -> Response:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_request: Request, error: RequestValidationError) -> Response:
        return from_validation_error(error).response()

    @app.exception_handler(HTTPException)
    async def on_http_exception(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, ClientDisconnect):  # FastAPI reports it as a malformed form
            return Response(status_code=_CLIENT_LEFT)
        if isinstance(error.__cause__, OSError):  # a full disk, which FastAPI also reports as a malformed form
            return _on_store_error(from_os_error(error.__cause__, "the form cannot be written to TMPDIR"))
        return from_http_exception(request, error).response()

    @app.exception_handler(StoreError)
    async def on_store_error(_request: Request, error: StoreError) -> Response:
        return _on_store_error(error)

    @app.exception_handler(RedisError)
    async def on_redis_error(_request: Request, error: RedisError) -> Response:
        log.error("redis_unavailable", error=str(error))
        return Unavailable().response()

    @app.exception_handler(Exception)
    async def on_fault(request: Request, error: Exception) -> Response:
        # Starlette raises the error again after this response, and the server logs the traceback.
        log.error("request_failed", method=request.method, path=request.url.path, error=repr(error))
        return Internal(current_request_id()).response()


def _on_store_error(error: StoreError) -> Response:
    log.error("store_failed", error=str(error))
    return from_store_error(error).response()
