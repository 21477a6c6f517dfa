"""Request ids: the client's own or a new one, in the response and in every log line of the request."""

import re
from typing import Final
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from service.middleware.base import HttpMiddleware

HEADER: Final = "X-Request-ID"
_FIELD: Final = "request_id"
_SAFE: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")  # in logs, in Redis and in a header


class RequestId(HttpMiddleware):
    """Must be outside of everything else, so that the response to an internal error has the id too."""

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


def current() -> str | None:
    """The id of the current request; None outside of one."""
    request_id = structlog.contextvars.get_contextvars().get(_FIELD)
    return None if request_id is None else str(request_id)
