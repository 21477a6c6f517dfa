"""Lingering close: reads the rest of a request body after an early response.

When a connection is closed with unread data, the kernel resets it, and a client that is still sending may never see the
response. So the response is sent at once, but its end only when the client has sent everything, or after a time limit.
"""

from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from service.middleware.base import HttpMiddleware

_MAX_BYTES: Final = 64 << 20  # more than that is not worth the time
_MAX_S: Final = 10.0
_SILENCE_S: Final = 1.0  # then the client waits for the response


class LingeringClose(HttpMiddleware):
    """Must be outside of everything that may reject a body."""

    def applies_to(self, scope: Scope) -> bool:
        """True for a request with a body, unless the client waits for 100 Continue: rejected, it sends none."""
        headers = Headers(scope=scope)
        if headers.get("expect", "").lower() == "100-continue":
            return False
        return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See HttpMiddleware."""
        more = True

        async def receive_and_note() -> Message:
            nonlocal more
            message = await receive()
            more = message.get("more_body", False)  # a disconnect has none
            return message

        async def send_and_drain(message: Message) -> None:
            if more and message["type"] == "http.response.body" and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await _drain(receive)
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        await self.app(scope, receive_and_note, send_and_drain)


async def _drain(receive: Receive) -> None:
    left = _MAX_BYTES
    with anyio.move_on_after(_MAX_S):
        while left > 0:
            with anyio.move_on_after(_SILENCE_S) as silence:
                message = await receive()
            if silence.cancelled_caught or not message.get("more_body", False):
                return
            left -= len(message["body"])
