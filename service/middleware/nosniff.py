"""The header X-Content-Type-Options on every response: browsers must not guess another media type."""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from service.middleware.base import HttpMiddleware

HEADER: Final = "X-Content-Type-Options"


class NoSniff(HttpMiddleware):
    """Adds the header."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See HttpMiddleware."""

        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = "nosniff"
            await send(message)

        await self.app(scope, receive, send_with_header)
