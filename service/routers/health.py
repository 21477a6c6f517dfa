"""Health checks of the process and of the whole service."""

from collections.abc import Callable
from typing import Final, TypeVar

import anyio
from anyio import to_thread
from fastapi import APIRouter
from redis.exceptions import RedisError

from jobs.infra.processes import live_workers
from jobs.infra.redis_connection import connect
from jobs.store import StoreError, StoreFullError
from service.dependencies import Services, ServicesDep
from service.errors.server import NotReady
from service.openapi.responses import HEALTH, problem_responses
from service.schemas import Health, Readiness

_TIMEOUT_S: Final = 3.0
_REDIS_TIMEOUT_S: Final = 1.0
_SILENT: Final = "does not answer"
T = TypeVar("T")
U = TypeVar("U")
NEEDS_NO_KEY: Final = True
router = APIRouter(tags=["health"])


@router.head("/healthz", include_in_schema=False)
@router.get(
    "/healthz",
    summary="Check the process",
    response_description="The process is running.",
    responses=problem_responses(*HEALTH),
)
async def healthz() -> Health:  # async, so that it needs no thread: all threads may be busy
    """Answers 200 as long as the API process is running."""
    return Health()


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    summary="Check the service",
    response_description="The service is ready.",
    responses=problem_responses("not_ready", *HEALTH),
)
async def readyz(services: ServicesDep) -> Readiness:
    """Answers 200 if Redis answers, the store can be written and at least one worker is ready.

    Otherwise answers 503, with the member `missing`. The check takes a few seconds at most.
    """
    missing: dict[str, str] = {}
    workers = 0

    async def check_store() -> None:
        if fault := await _with_timeout(lambda: _store_fault(services), _SILENT):
            missing["store"] = fault

    async def check_workers() -> None:
        nonlocal workers
        try:
            found = await _with_timeout(lambda: count_workers(services), None)
        except RedisError:
            found = None
        if found is None:
            missing["redis"] = _SILENT
        elif not found:
            missing["worker"] = "is not running"
        else:
            workers = found

    async with anyio.create_task_group() as checks:
        checks.start_soon(check_store)
        checks.start_soon(check_workers)
    if missing:
        raise NotReady(missing)
    return Readiness(workers=workers)


async def _with_timeout(check: Callable[[], T], otherwise: U) -> T | U:
    """The result of `check`, run in a thread; `otherwise` if it takes too long. Its thread then runs on unattended."""
    with anyio.move_on_after(_TIMEOUT_S):
        # its own limiter each time, so that hanging threads do not block later checks
        return await to_thread.run_sync(check, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1))
    return otherwise


def count_workers(services: Services) -> int:
    """The number of workers with a recent heartbeat."""
    with connect(services.settings.redis, _REDIS_TIMEOUT_S, retries=0) as redis:
        return len(live_workers(redis, services.settings.heartbeat_ttl_s))


def _store_fault(services: Services) -> str | None:
    try:
        services.retention.check_disk()
        services.store.check_writable()
    except StoreFullError:
        return "is full"
    except StoreError:
        return "cannot be written"
    return None
