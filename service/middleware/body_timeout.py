"""Ends uploads that have fallen silent: a line that breaks without a word would hold all that its request holds."""

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.admission import makes_a_job
from service.problems import Problem


class Silence:
    """Pure ASGI. However long an upload takes, a byte must come now and then; the server itself would wait for ever."""

    def __init__(self, app: ASGIApp, limit_s: float) -> None:
        """``limit_s``: seconds without a byte while the server waits for one."""
        self._app = app
        self._limit_s = limit_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if not makes_a_job(scope):
            await self._app(scope, receive, send)
            return
        more = True

        async def awaited() -> Message:
            nonlocal more
            if not more:  # the body is whole: what may come is the client's leave
                return await receive()
            with anyio.move_on_after(self._limit_s) as waiting:
                message = await receive()
                more = message.get("more_body", False)
            if waiting.cancelled_caught:
                raise self._problem()
            return message

        await self._app(scope, awaited, send)

    def _problem(self) -> Problem:
        detail = f"No byte of the request came for {self._limit_s:g} s. Send it again."
        return Problem(408, "request_timeout", detail, headers={"Connection": "close"}, limit=self._limit_s)
