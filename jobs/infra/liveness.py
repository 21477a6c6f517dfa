"""Heartbeats of the workers: each worker writes the server's time into one sorted set at a fixed interval."""

from typing import Final, cast

from redis import Redis

from jobs.infra.redis_connection import server_time

_KEY: Final = "v2m:workers"


def record_heartbeat(redis: Redis, worker: str) -> None:
    """Records that this worker is alive and has its model loaded; RedisError."""
    redis.zadd(_KEY, {worker: server_time(redis)})


def remove_worker(redis: Redis, worker: str) -> None:
    """Removes a worker that stops; RedisError."""
    redis.zrem(_KEY, worker)


def live_workers(redis: Redis, ttl_s: float) -> list[str]:
    """Names of the workers with a heartbeat in the last ``ttl_s`` seconds; removes the others. RedisError."""
    redis.zremrangebyscore(_KEY, "-inf", server_time(redis) - ttl_s)
    return [name.decode() for name in cast("list[bytes]", redis.zrange(_KEY, 0, -1))]


def heartbeat_ages(redis: Redis) -> dict[str, float]:
    """Seconds since the last heartbeat of every worker that has not been removed; changes nothing. RedisError."""
    now = server_time(redis)
    heartbeats = cast("list[tuple[bytes, float]]", redis.zrange(_KEY, 0, -1, withscores=True))
    return {name.decode(): max(0.0, now - time) for name, time in heartbeats}
