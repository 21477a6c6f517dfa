"""One way to connect to Redis: with time-outs, health checks and a few quick retries."""

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry


def connect(url: str, socket_timeout: float = 5.0) -> Redis:
    """A thread-safe client for ``redis://``, ``rediss://`` or ``unix://``; connects on the first command.

    Answers stay bytes, as RQ expects them. ValueError when the URL has another scheme.
    """
    return Redis.from_url(
        url,
        socket_timeout=socket_timeout,
        socket_connect_timeout=socket_timeout,
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=1.0, base=0.05), 3),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
    )
