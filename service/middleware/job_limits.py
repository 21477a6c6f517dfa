"""Limits of waiting and open jobs and of concurrent uploads, checked before the body of a new job is read.

A client that sends ``Expect: 100-continue``, as curl does, then sends none of the video.
"""

from collections import Counter
from typing import Final

from anyio import CapacityLimiter, to_thread
from redis.exceptions import RedisError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobs.queue import JobQueue, QueueFullError, TooManyJobsError
from service.auth.keys import caller_of
from service.errors.handlers import from_limit
from service.errors.server import UploadsFull
from service.errors.uploads import TooManyUploads
from service.middleware.base import JobMiddleware

_EXEMPT: Final = "exempt_from_job_limits"


class JobLimits(JobMiddleware):
    """Rejects a new job while the queue is full or its key has too many open jobs.

    Without an answer from Redis the request passes: the limits are checked again before the job is queued.
    """

    def __init__(self, app: ASGIApp, queue: JobQueue, threads: CapacityLimiter) -> None:
        """``threads``: those of the authentication, which also makes short calls to Redis."""
        super().__init__(app)
        self._queue = queue
        self._threads = threads

    @staticmethod
    def exempt(scope: Scope) -> None:
        """Lets a request pass that will not create a job, because its Idempotency-Key already has one."""
        scope["state"][_EXEMPT] = True

    async def check(self, scope: Scope) -> None:
        """See HttpMiddleware."""
        if _EXEMPT not in scope["state"]:
            await to_thread.run_sync(self._check, caller_of(scope).name, limiter=self._threads)

    def _check(self, owner: str | None) -> None:
        try:
            self._queue.check_room()
            self._queue.check_open(owner)
        except (QueueFullError, TooManyJobsError) as error:
            raise from_limit(error) from error
        except RedisError:
            return


class ConcurrentUploads(JobMiddleware):
    """Limits the uploads of this process, per key and in total. All requests without a key count as one key.

    Each upload takes a connection, and space on the disk before it is a job.
    """

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
