"""The Idempotency-Key header: a repeated request does not create a second job.

See jobs.idempotency for the guarantees. A key is claimed before the body is read, stays claimed while the body arrives
and is checked, and is released before an error is sent, so that a corrected request may use it.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Annotated, Final, TypeVar, cast

import structlog
from anyio import CancelScope, CapacityLimiter, to_thread
from fastapi import Depends, Header, Request
from redis import Redis
from redis.exceptions import RedisError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobs.idempotency import LEASE_S, KeyInUseError, KeyLease, fingerprint
from jobs.record import JobRecord
from service.auth.keys import caller_of
from service.dependencies import Services
from service.errors.jobs import IdempotencyKeyInUse, IdempotencyKeyReused, InvalidIdempotencyKey, JobGone
from service.middleware.base import JobMiddleware
from service.middleware.job_limits import JobLimits

log: Final = structlog.get_logger(__name__)
HEADER: Final = "Idempotency-Key"
MAX_CHARS: Final = 255
_PATTERN: Final = rf"^[!-~]{{1,{MAX_CHARS}}}$"
_VALID: Final = re.compile(_PATTERN)
_STATE: Final = "idempotency_claim"
_HAS_JOB: Final = "idempotency_has_job"
_RENEW_S: Final = LEASE_S / 3  # two renewals may fail
_THREADS: Final = 8
T = TypeVar("T")


class Idempotency(JobMiddleware):
    """Claims the key of a request for as long as the request runs.

    Without an answer from Redis the request passes: the key is checked again before a job is created.
    """

    def __init__(self, app: ASGIApp, redis: Redis, kept_s: int) -> None:
        """``kept_s``: seconds for which a key belongs to its job."""
        super().__init__(app)
        self._redis = redis
        self._kept_s = kept_s
        self._limiter = CapacityLimiter(_THREADS)  # its own: running uploads must not delay renewals

    async def check(self, scope: Scope) -> None:
        """See HttpMiddleware. Claims the key, and exempts a request whose key already has a job from the job limits."""
        keys = Headers(scope=scope).getlist(HEADER)
        if not keys:
            return
        if len(keys) > 1 or not _VALID.fullmatch(keys[0]):
            raise InvalidIdempotencyKey(MAX_CHARS)
        claim = KeyLease(self._redis, caller_of(scope).name, keys[0], self._kept_s)
        scope["state"][_STATE] = claim
        try:
            existing = await self._in_thread(claim.acquire)
        except KeyInUseError:
            raise IdempotencyKeyInUse from None
        except RedisError as error:
            log.warning("key_not_claimed", error=str(error))
            return
        if existing is not None:
            JobLimits.exempt(scope)
            scope["state"][_HAS_JOB] = True

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See HttpMiddleware. Renews the claim while the request runs, and releases it before the response."""
        claim = claim_of(scope)
        if claim is None or _HAS_JOB in scope["state"]:
            await self.app(scope, receive, send)
            return

        async def release_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._try(claim.release)
            await send(message)

        renewing = asyncio.create_task(self._renew(claim))
        try:
            await self.app(scope, receive, release_and_send)
        except BaseException:
            with CancelScope(shield=True):
                await self._try(claim.release)
            raise
        finally:
            renewing.cancel()

    async def _renew(self, claim: KeyLease) -> None:
        while True:
            await asyncio.sleep(_RENEW_S)
            await self._try(claim.renew)

    async def _try(self, change: Callable[[], None]) -> None:
        """A lease that cannot be renewed or released expires by itself."""
        try:
            await self._in_thread(change)
        except RedisError as error:
            log.warning("claim_not_changed", error=str(error))

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await to_thread.run_sync(call, limiter=self._limiter)


def claim_of(scope: Scope) -> KeyLease | None:
    """The claim of a request; None without the header."""
    return cast("KeyLease | None", scope["state"].get(_STATE))


async def get_claim(
    request: Request,
    _key: Annotated[
        str | None,
        Header(
            alias=HEADER,
            pattern=_PATTERN,
            description="A unique key for this job, such as a UUID. If you repeat the request with the same key and "
            "form, you get the same job instead of a second one.",
            examples=["5d0a4f4e-6c1c-4d0e-9d5b-1f2f0c4b7a11"],
        ),
    ] = None,
) -> KeyLease | None:
    """The claim that the middleware made for the request; None without the header."""
    return claim_of(request.scope)


ClaimDep = Annotated[KeyLease | None, Depends(get_claim)]


def replay(services: Services, claim: KeyLease, wanted: JobRecord) -> JobRecord | None:
    """The existing job of the key, as it is now; None if there is none, and ``wanted`` may be created.

    Problem 409 while another request has the key, 422 if the key's job is a different one, 410 if it was deleted.
    """
    try:
        existing = claim.acquire()
    except KeyInUseError:
        raise IdempotencyKeyInUse from None
    if existing is None:
        return None
    if existing.fingerprint != fingerprint(wanted):
        raise IdempotencyKeyReused
    record = services.records.get(existing.job_id)
    if record is None:
        raise JobGone  # not created again: it was deleted on purpose, and one key creates one job
    return record
