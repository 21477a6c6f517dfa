"""Reads on for a while after an answer that was given before the body had come.

To end a connection on which bytes lie unread makes the kernel reset it, and a client that is still sending then may
never see the answer. So the answer is sent at once, and its end once the client has sent what it had to, or for long
enough.
"""

from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MAX_BYTES: Final = 64 << 20  # of a client that sends more, the time is not worth it
_MAX_S: Final = 10.0
_SILENCE_S: Final = 1.0  # the client waits for the answer, and sends nothing


class Drained:
    """Pure ASGI, around all that may refuse a body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or not _sends_a_body(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        more = True

        async def watched() -> Message:
            nonlocal more
            message = await receive()
            more = message.get("more_body", False)  # a disconnect has none
            return message

        async def ended_late(message: Message) -> None:
            if more and message["type"] == "http.response.body" and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await _drain(receive)
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        await self._app(scope, watched, ended_late)


def _sends_a_body(headers: Headers) -> bool:
    """Not a client that asks first: refused, it sends none."""
    if headers.get("expect", "").lower() == "100-continue":
        return False
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


async def _drain(receive: Receive) -> None:
    left = _MAX_BYTES
    with anyio.move_on_after(_MAX_S):
        while left > 0:
            with anyio.move_on_after(_SILENCE_S) as silence:
                message = await receive()
            if silence.cancelled_caught or not message.get("more_body", False):
                return
            left -= len(message["body"])
