"""Whether the process lives, and whether the whole can work."""

from collections.abc import Callable
from typing import Final, TypeVar

import anyio
from anyio import to_thread
from fastapi import APIRouter
from redis.exceptions import RedisError

from jobs.infra.liveness import live_workers
from jobs.infra.redis_connection import connect
from jobs.store import StoreError, StoreFullError
from service.dependencies import Services, ServicesDep
from service.errors.server import NotReady
from service.openapi.responses import HEALTH, documented
from service.schemas import Health, Readiness

_PATIENCE_S: Final = 3.0
_REDIS_TIMEOUT_S: Final = 1.0
_SILENT: Final = "does not answer"
T = TypeVar("T")
U = TypeVar("U")
router = APIRouter(tags=["health"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", response_description="It lives.", responses=documented(*HEALTH))
async def healthz() -> Health:  # in no thread: all of them may be waiting for something
    """200 as long as this process answers."""
    return Health()


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", response_description="It is ready.", responses=documented("not_ready", *HEALTH))
async def readyz(services: ServicesDep) -> Readiness:
    """200 when Redis answers, the store takes files and a worker is ready; otherwise 503 naming what is missing.

    Takes no longer than a few seconds, also when something hangs.
    """
    missing: dict[str, str] = {}
    workers = 0

    async def look_at_store() -> None:
        if trouble := await _within_patience(lambda: _store_trouble(services), _SILENT):
            missing["store"] = trouble

    async def look_at_workers() -> None:
        nonlocal workers
        try:
            found = await _within_patience(lambda: count_workers(services), None)
        except RedisError:
            found = None
        if found is None:
            missing["redis"] = _SILENT
        elif not found:
            missing["worker"] = "is not running"
        else:
            workers = found

    async with anyio.create_task_group() as looks:
        looks.start_soon(look_at_store)
        looks.start_soon(look_at_workers)
    if missing:
        raise NotReady(missing)
    return Readiness(workers=workers)


async def _within_patience(look: Callable[[], T], otherwise: U) -> T | U:
    """What ``look`` returns in a thread; ``otherwise`` when that takes too long, and then it is left alone."""
    with anyio.move_on_after(_PATIENCE_S):
        # a limiter of its own each time: threads that hang must not be waited for by others
        return await to_thread.run_sync(look, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1))
    return otherwise


def count_workers(services: Services) -> int:
    """How many workers have shown themselves within the time that six heartbeats take."""
    with connect(services.settings.redis, _REDIS_TIMEOUT_S, retries=0) as redis:
        return len(live_workers(redis, services.settings.heartbeat_ttl_s))


def _store_trouble(services: Services) -> str | None:
    try:
        services.retention.check_disk()
        services.store.check_writable()
    except StoreFullError:
        return "is full"
    except StoreError:
        return "cannot be written"
    return None
