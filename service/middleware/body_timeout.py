"""Timeout of uploads that send no data, so that a broken connection does not hold its resources for ever."""

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors.requests import RequestTimeout
from service.middleware.base import JobMiddleware


class BodyTimeout(JobMiddleware):
    """Ends an upload after some seconds without data. There is no limit on its total time."""

    def __init__(self, app: ASGIApp, limit_s: float) -> None:
        """``limit_s``: seconds without data while the server waits for some."""
        super().__init__(app)
        self._limit_s = limit_s

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See HttpMiddleware."""
        more = True

        async def receive_in_time() -> Message:
            nonlocal more
            if not more:  # the body is complete: only a disconnect can follow
                return await receive()
            with anyio.move_on_after(self._limit_s) as waiting:
                message = await receive()
                more = message.get("more_body", False)
            if waiting.cancelled_caught:
                raise RequestTimeout(self._limit_s)
            return message

        await self.app(scope, receive_in_time, send)
