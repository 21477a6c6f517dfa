"""Refuses a new job while the queue is full, before its body is read.

A client that asks first (``Expect: 100-continue``, as curl does) sends none of the video; of others nothing is kept.
"""

from anyio import to_thread
from redis.exceptions import RedisError
from starlette.types import ASGIApp, Receive, Scope, Send

from jobs.queue import JobQueue, QueueFullError
from service.problems import queue_full


class Admission:
    """Pure ASGI. Without an answer from Redis the request passes: the route has its say."""

    def __init__(self, app: ASGIApp, queue: JobQueue, path: str) -> None:
        """``path`` is where jobs are made by POST."""
        self._app = app
        self._queue = queue
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and (scope["method"], scope["path"]) == ("POST", self._path):
            limit = await to_thread.run_sync(self._full)
            if limit is not None:
                await queue_full(limit).response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _full(self) -> int | None:
        """The limit, when as many jobs wait."""
        try:
            self._queue.check_room()
        except QueueFullError as full:
            return full.limit
        except RedisError:
            return None
        return None
