"""Access log: one structured line for every request."""

import time
from typing import Final

import structlog
from starlette.types import Message, Receive, Scope, Send

from service.auth.caller import name_of_key
from service.middleware.base import HttpMiddleware

log: Final = structlog.get_logger(__name__)
_JOBS: Final = "/v1/jobs/"


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
