"""One structured line for every request."""

import time
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.caller import name_of_key

log: Final = structlog.get_logger(__name__)
_JOBS: Final = "/v1/jobs/"


class AccessLog:
    """Pure ASGI. Health checks are logged only when they fail."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            path: str = scope["path"]
            if status >= 400 or path not in ("/healthz", "/readyz"):
                # The query stays out: signatures of links are in it.
                about = {"job_id": path[len(_JOBS) :].split("/")[0]} if path.startswith(_JOBS) else {}
                if (key := name_of_key(scope)) is not None:
                    about["key"] = key
                milliseconds = round((time.monotonic() - began) * 1000, 1)
                log.info("request", method=scope["method"], path=path, status=status, ms=milliseconds, **about)
