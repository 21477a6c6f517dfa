"""Refuses a new job while the queue is full, or too many of the same key are open, before its body is read.

A client that asks first (``Expect: 100-continue``, as curl does) sends none of the video; of others nothing is kept.
"""

from typing import Final

from anyio import CapacityLimiter, to_thread
from redis.exceptions import RedisError
from starlette.types import ASGIApp, Receive, Scope, Send

from jobs.queue import JobQueue, QueueFullError, TooManyJobsError
from service.caller import caller_of
from service.problems import Problem, queue_full, too_many_jobs

PATHS: Final = ("/v1/jobs", "/v1/curves")
"""Where jobs are made, by POST."""
_PASSES: Final = "needs_no_room"


def makes_a_job(scope: Scope) -> bool:
    """True for a request to make a job."""
    return scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in PATHS


class Admission:
    """Pure ASGI. Without an answer from Redis the request passes: the route has its say."""

    def __init__(self, app: ASGIApp, queue: JobQueue, threads: CapacityLimiter) -> None:
        """``threads``: as the gate has them."""
        self._app = app
        self._queue = queue
        self._threads = threads

    @staticmethod
    def pass_by(scope: Scope) -> None:
        """Lets a request in that will make no new job, because it has made one already."""
        scope["state"][_PASSES] = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if makes_a_job(scope) and _PASSES not in scope["state"]:
            refusal = await to_thread.run_sync(self._refusal, caller_of(scope).name, limiter=self._threads)
            if refusal is not None:
                await refusal.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, owner: str | None) -> Problem | None:
        try:
            self._queue.check_room()
            self._queue.check_open(owner)
        except QueueFullError as full:
            return queue_full(full.limit)
        except TooManyJobsError as many:
            return too_many_jobs(many.limit)
        except RedisError:
            return None
        return None
