"""Every request has an id: the client's own or a new one, in the answer and in all that is logged meanwhile."""

import re
from typing import Final
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = "X-Request-ID"
_FIELD: Final = "request_id"
_SANE: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")  # safe in logs, in Redis and in a header


class RequestId:
    """Pure ASGI, around everything else, so that the answer to a fault of ours has its id as well."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _SANE.fullmatch(given) else uuid4().hex

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        # Threads that FastAPI starts for the request get a copy of this context.
        structlog.contextvars.bind_contextvars(**{_FIELD: request_id})
        await self._app(scope, receive, marked)
        # Not after a fault: the server, which gives each request a context of its own, logs the traceback with it.
        structlog.contextvars.unbind_contextvars(_FIELD)


def current() -> str | None:
    """The id of the request under way; None outside of one."""
    request_id = structlog.contextvars.get_contextvars().get(_FIELD)
    return None if request_id is None else str(request_id)
