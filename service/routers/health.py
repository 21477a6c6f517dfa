"""Whether the process lives, and whether the whole can work."""

from fastapi import APIRouter
from redis.exceptions import RedisError

from jobs.liveness import live_workers
from service.dependencies import Services, ServicesDep
from service.problems import unavailable
from service.schemas import Health, Readiness

router = APIRouter(tags=["health"])


@router.get("/healthz")
def healthz() -> Health:
    """200 as long as this process answers."""
    return Health()


@router.get("/readyz")
def readyz(services: ServicesDep) -> Readiness:
    """200 when Redis answers, the store can be written and a worker is ready; otherwise 503 naming what is missing."""
    workers = 0
    missing = {}
    try:
        services.store.check_writable()
    except OSError as error:
        missing["store"] = f"cannot be written: {error.strerror}"
    try:
        workers = count_workers(services)
        if not workers:
            missing["worker"] = "none has shown itself lately"
    except RedisError:
        missing["redis"] = "does not answer"
    if missing:
        detail = "; ".join(f"{name} {state}" for name, state in missing.items())
        raise unavailable(f"Not ready: {detail}.", "not_ready", missing=missing)
    return Readiness(workers=workers)


def count_workers(services: Services) -> int:
    """How many workers have shown themselves within the time that six heartbeats take."""
    return len(live_workers(services.redis, services.settings.heartbeat_ttl_s))
