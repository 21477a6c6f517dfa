"""One way to connect to Redis: with time-outs and a few quick retries; and how to wait for it longer."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

import structlog
from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

log: Final = structlog.get_logger(__name__)
T = TypeVar("T")
_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 2.0


def connect(url: str, socket_timeout: float = 5.0, retries: int = 6) -> Redis:
    """A thread-safe client for ``redis://``, ``rediss://`` or ``unix://``; connects on the first command.

    Only a connection that is refused or lost is tried again, for about two seconds: a server that starts anew is not
    noticed by whoever asks in between. One that hangs has cost ``socket_timeout`` seconds by the time it shows, and the
    client would repeat connecting within repeating the command: minutes, for whoever waits.

    Answers stay bytes, as RQ expects them. ValueError when the URL has another scheme.
    """
    return Redis.from_url(
        url,
        socket_timeout=socket_timeout,
        socket_connect_timeout=socket_timeout,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries, supported_errors=(RedisConnectionError,)),
    )


def server_time(redis: Redis) -> float:
    """Seconds since 1970 by Redis' own clock: workers and the API may run on machines whose clocks differ."""
    seconds, microseconds = redis.time()
    return float(seconds + microseconds / 1e6)


def passes(error: RedisError) -> bool:
    """True for an error of the server's state and not of the command: the same may work later."""
    if isinstance(error, RedisConnectionError | RedisTimeoutError | ReadOnlyError | OutOfMemoryError):
        return True
    # it cannot write its log: the disk is full
    return isinstance(error, ResponseError) and str(error).startswith("MISCONF")


def ride_out(ask: Callable[[], T], patience_s: float, gives_up: Callable[[], bool] = lambda: False) -> T:
    """What ``ask`` returns, asked again and again while Redis is out, for ``patience_s`` seconds.

    ``ask`` must come to the same when it is done twice: an answer may get lost. RedisError in the end, or as soon as
    ``gives_up`` says so.
    """
    deadline = time.monotonic() + patience_s
    wait_s = _FIRST_WAIT_S
    while True:
        try:
            return ask()
        except RedisError as error:
            if not passes(error) or gives_up() or time.monotonic() + wait_s > deadline:
                raise
            log.warning("redis_awaited", error=str(error))
        time.sleep(wait_s)
        wait_s = min(_LONGEST_WAIT_S, 2 * wait_s)
