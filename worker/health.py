"""``python -m worker.health``: status 0 while a worker of this machine or container has shown itself lately."""

import sys

from redis.exceptions import RedisError

from jobs.infra.liveness import live_workers
from jobs.infra.process_identity import process_of
from jobs.infra.redis_connection import connect
from jobs.infra.settings import Settings


def is_healthy(settings: Settings) -> bool:
    """True when one of the live workers runs here."""
    try:
        with connect(settings.redis) as redis:
            return any(process_of(name) is not None for name in live_workers(redis, settings.heartbeat_ttl_s))
    except RedisError:
        return False


if __name__ == "__main__":
    sys.exit(not is_healthy(Settings()))
