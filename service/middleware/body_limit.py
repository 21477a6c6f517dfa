"""Refuses a request body over the limit, or without room for it, with a problem; also one of unknown length.

FastAPI's own ``max_body_size`` answers a declared length in plain text, past the exception handlers.
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.admission import makes_a_job
from service.problems import Problem, upload_too_large
from service.spool import Spool

_STEP: Final = 4 << 20  # so much may come between two looks at the disk, of each of those that send


class BodyLimit:
    """Pure ASGI, so that it counts before anything is written to disk."""

    def __init__(self, app: ASGIApp, max_body_bytes: int, max_upload_bytes: int, spool: Spool) -> None:
        """``max_upload_bytes`` is the limit that the answer names; the body may be larger by the form around it."""
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._max_upload_bytes = max_upload_bytes
        self._spool = spool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        spools = makes_a_job(scope)
        try:
            self._check_declared(Headers(scope=scope).get("content-length", ""), spools)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        total = seen = 0

        async def counted() -> Message:
            nonlocal total, seen
            message = await receive()
            total += len(message.get("body", b""))
            if total > self._max_body_bytes:
                raise self._problem()
            if spools and total - seen >= _STEP:
                self._spool.check(_STEP)  # others fill the disk at the same time
                seen = total
            return message

        await self._app(scope, counted, send)

    def _check_declared(self, length: str, spools: bool) -> None:
        size = int(length) if length.isdigit() else 0
        if size > self._max_body_bytes:
            raise self._problem()
        if spools:
            self._spool.check(size)

    def _problem(self) -> Problem:
        return upload_too_large(self._max_upload_bytes)
