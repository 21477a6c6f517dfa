"""Health check of a worker: ``python -m worker.health`` exits with 0 while a live worker runs on this machine.

In a container it checks the workers of that container. A worker is live when its last heartbeat is recent enough.
"""

import sys

from redis.exceptions import RedisError

from jobs.infra.processes import live_workers, process_of
from jobs.infra.redis_connection import connect
from jobs.infra.settings import Settings


def is_healthy(settings: Settings) -> bool:
    """True when a live worker runs on this machine; False when there is none or Redis is unavailable."""
    try:
        with connect(settings.redis) as redis:
            return any(process_of(name) is not None for name in live_workers(redis, settings.heartbeat_ttl_s))
    except RedisError:
        return False


if __name__ == "__main__":
    sys.exit(not is_healthy(Settings()))
