"""The header Idempotency-Key: a request to make a job may be sent again, and makes one job.

See jobs.idempotency for what is promised. Here a key is claimed before the body is read, kept claimed for as long as
the body takes to come and to be looked at, and given back before a refusal is told, so that its correction may use it.
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
from service.admission import Admission, makes_a_job
from service.auth.caller import caller_of
from service.dependencies import Services
from service.problems import RETRY_AFTER_S, Problem

log: Final = structlog.get_logger(__name__)
HEADER: Final = "Idempotency-Key"
MAX_CHARS: Final = 255
_PATTERN: Final = rf"^[!-~]{{1,{MAX_CHARS}}}$"
_SANE: Final = re.compile(_PATTERN)
_STATE: Final = "idempotency_claim"
_RENEW_S: Final = LEASE_S / 3  # two may fail
_AT_ONCE: Final = 8
T = TypeVar("T")


class Idempotency:
    """Pure ASGI. Without an answer from Redis the request passes: the key is looked at again before a job is made."""

    def __init__(self, app: ASGIApp, redis: Redis, kept_s: int) -> None:
        """``kept_s``: seconds that a key names the job it has made."""
        self._app = app
        self._redis = redis
        self._kept_s = kept_s
        self._limiter = CapacityLimiter(_AT_ONCE)  # of its own: uploads that are looked at must not hold up renewals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        given = Headers(scope=scope).getlist(HEADER) if makes_a_job(scope) else []
        if not given:
            await self._app(scope, receive, send)
            return
        if len(given) > 1 or not _SANE.fullmatch(given[0]):
            await _invalid().response()(scope, receive, send)
            return
        claim = KeyLease(self._redis, caller_of(scope).name, given[0], self._kept_s)
        try:
            made = await self._in_thread(claim.acquire)
        except KeyInUseError:
            await in_use().response()(scope, receive, send)
            return
        except RedisError as error:
            log.warning("key_not_claimed", error=str(error))
            made = None
        scope["state"][_STATE] = claim
        if made is None:
            await self._claimed(claim, scope, receive, send)
        else:
            Admission.pass_by(scope)
            await self._app(scope, receive, send)

    async def _claimed(self, claim: KeyLease, scope: Scope, receive: Receive, send: Send) -> None:
        async def freed(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._tried(claim.release)
            await send(message)

        renewing = asyncio.create_task(self._renew(claim))
        try:
            await self._app(scope, receive, freed)
        except BaseException:
            with CancelScope(shield=True):
                await self._tried(claim.release)
            raise
        finally:
            renewing.cancel()

    async def _renew(self, claim: KeyLease) -> None:
        while True:
            await asyncio.sleep(_RENEW_S)
            await self._tried(claim.renew)

    async def _tried(self, ask: Callable[[], None]) -> None:
        """A lease that cannot be renewed, or ended, runs out by itself."""
        try:
            await self._in_thread(ask)
        except RedisError as error:
            log.warning("claim_not_changed", error=str(error))

    async def _in_thread(self, ask: Callable[[], T]) -> T:
        return await to_thread.run_sync(ask, limiter=self._limiter)


async def get_claim(
    request: Request,
    _key: Annotated[
        str | None,
        Header(
            alias=HEADER,
            pattern=_PATTERN,
            description="The same key, sent again with the same form, gets the job that it has made already.",
            examples=["5d0a4f4e-6c1c-4d0e-9d5b-1f2f0c4b7a11"],
        ),
    ] = None,
) -> KeyLease | None:
    """The claim that the middleware has made for the request; None without the header."""
    return cast("KeyLease | None", request.scope["state"].get(_STATE))


ClaimDep = Annotated[KeyLease | None, Depends(get_claim)]


def replay(services: Services, claim: KeyLease, asked: JobRecord) -> JobRecord | None:
    """The job that the key has made, as it is now; None when it has made none, and may make ``asked``.

    Problem: 409 while another request has the key, 422 when it was made of something else, 410 when it is gone.
    """
    try:
        made = claim.acquire()
    except KeyInUseError:
        raise in_use() from None
    if made is None:
        return None
    if made.fingerprint != fingerprint(asked):
        detail = f"{HEADER}: has made another job, of another form; take a new key for a new job"
        raise Problem(422, "idempotency_key_reused", detail, field=HEADER)
    record = services.records.get(made.job_id)
    if record is None:
        # not made anew: whoever deleted it meant it, and one key makes one job
        raise Problem(410, "job_gone", f"The job that this {HEADER} made is no more; take a new key for a new job.")
    return record


def in_use() -> Problem:
    """409 while another request has the key."""
    detail = f"Another request with this {HEADER} is under way. Send this one again later."
    return Problem(409, "idempotency_key_in_use", detail, headers={"Retry-After": RETRY_AFTER_S}, field=HEADER)


def _invalid() -> Problem:
    detail = f"{HEADER}: must be there once, and be 1 to {MAX_CHARS} visible ASCII characters"
    return Problem(422, "invalid_idempotency_key", detail, field=HEADER, limit=MAX_CHARS)
