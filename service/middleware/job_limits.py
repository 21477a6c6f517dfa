"""Limits of waiting and open jobs, checked before the body of a new job is read.

A client that sends ``Expect: 100-continue``, as curl does, then sends none of the video.
"""

from typing import Final

from anyio import CapacityLimiter, to_thread
from redis.exceptions import RedisError
from starlette.types import ASGIApp, Scope

from jobs.queue import JobQueue, QueueFullError, TooManyJobsError
from service.auth.caller import caller_of
from service.errors.handlers import from_limit
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
