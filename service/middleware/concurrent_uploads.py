"""Limit of concurrent uploads: each takes a connection, and space on the disk before it is a job."""

from collections import Counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.auth.caller import caller_of
from service.errors.server import UploadsFull
from service.errors.uploads import TooManyUploads
from service.middleware.base import JobMiddleware


class ConcurrentUploads(JobMiddleware):
    """Counts the uploads of this process, per key and in total. All requests without a key count as one key."""

    def __init__(self, app: ASGIApp, limit: int, limit_per_key: int) -> None:
        super().__init__(app)
        self._limit = limit
        self._limit_per_key = limit_per_key
        self._running: Counter[str | None] = Counter()

    async def check(self, scope: Scope) -> None:
        """See HttpMiddleware."""
        if self._running[caller_of(scope).name] >= self._limit_per_key:
            raise TooManyUploads(self._limit_per_key)
        if self._running.total() >= self._limit:
            raise UploadsFull(self._limit)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See HttpMiddleware."""
        name = caller_of(scope).name
        self._running[name] += 1
        is_counted = True

        def finish() -> None:
            nonlocal is_counted
            if is_counted:
                is_counted = False
                self._running -= Counter([name])  # keeps no zeros

        async def finish_and_send(message: Message) -> None:
            finish()  # before the client receives the response and sends its next upload
            await send(message)

        try:
            await self.app(scope, receive, finish_and_send)
        finally:
            finish()
