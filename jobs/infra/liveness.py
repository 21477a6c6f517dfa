"""Which workers are alive: each notes the server's time in one sorted set, again and again."""

from typing import Final, cast

from redis import Redis

from jobs.infra.redis_connection import server_time

_KEY: Final = "v2m:workers"


def beat(redis: Redis, worker: str) -> None:
    """Notes that this worker has its model loaded and lives."""
    redis.zadd(_KEY, {worker: server_time(redis)})


def leave(redis: Redis, worker: str) -> None:
    """Notes that this worker stops."""
    redis.zrem(_KEY, worker)


def live_workers(redis: Redis, ttl_s: float) -> list[str]:
    """Names of the workers seen within the last ``ttl_s`` seconds; older ones are forgotten on the way."""
    redis.zremrangebyscore(_KEY, "-inf", server_time(redis) - ttl_s)
    return [name.decode() for name in cast("list[bytes]", redis.zrange(_KEY, 0, -1))]


def silences(redis: Redis) -> dict[str, float]:
    """Seconds since each worker's last beat, of all that have not been forgotten; changes nothing."""
    now = server_time(redis)
    beats = cast("list[tuple[bytes, float]]", redis.zrange(_KEY, 0, -1, withscores=True))
    return {name.decode(): max(0.0, now - seen) for name, seen in beats}
