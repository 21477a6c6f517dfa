"""Request ids, the client's own or new ones, and the access log: one structured line for every request."""

import re
import time
from typing import Final
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from service.auth.keys import name_of_key
from service.middleware.base import HttpMiddleware

log: Final = structlog.get_logger(__name__)
HEADER: Final = "X-Request-ID"
_FIELD: Final = "request_id"
_JOBS: Final = "/v1/jobs/"
_SAFE: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")  # in logs, in Redis and in a header


class RequestId(HttpMiddleware):
    """Adds the id to the response and to every log line of the request.

    Must be outside of everything else, so that the response to an internal error has the id too.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See HttpMiddleware."""
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _SAFE.fullmatch(given) else uuid4().hex

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        # Threads that FastAPI starts for the request get a copy of this context.
        structlog.contextvars.bind_contextvars(**{_FIELD: request_id})
        await self.app(scope, receive, send_with_id)
        # Kept after an internal error: the server logs the traceback with it. Each request has its own context.
        structlog.contextvars.unbind_contextvars(_FIELD)


def current_request_id() -> str | None:
    """The id of the current request; None outside of one."""
    request_id = structlog.contextvars.get_contextvars().get(_FIELD)
    return None if request_id is None else str(request_id)


class AccessLog(HttpMiddleware):
    """Logs method, path, status and time. Health checks are logged only when they fail."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See HttpMiddleware."""
        began = time.monotonic()
        status = 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            path: str = scope["path"]
            if status >= 400 or path not in ("/healthz", "/readyz"):
                # The query is not logged: it holds the signatures of links.
                extra = {"job_id": path[len(_JOBS) :].split("/")[0]} if path.startswith(_JOBS) else {}
                if (key := name_of_key(scope)) is not None:
                    extra["key"] = key
                milliseconds = round((time.monotonic() - began) * 1000, 1)
                log.info("request", method=scope["method"], path=path, status=status, ms=milliseconds, **extra)
