"""Connections to Redis, with timeouts and retries, and a lock in it that a thread renews."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

import structlog
from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import LockError, OutOfMemoryError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.lock import Lock
from redis.retry import Retry

log: Final = structlog.get_logger(__name__)
T = TypeVar("T")
_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 2.0
LOCK_TTL_S: Final = 15.0  # also the time after which the lock of a dead holder is free
_RENEWALS: Final = 3  # within one TTL


def connect(url: str, socket_timeout: float = 5.0, retries: int = 6) -> Redis:
    """A thread-safe client for ``redis://``, ``rediss://`` or ``unix://``; it connects on the first command.

    Only a refused or lost connection is retried, for about two seconds, which hides a short restart of the server.
    Timeouts are not retried: each takes ``socket_timeout`` seconds, and the client retries the connection within every
    retry of the command, so a server that hangs would block the caller for minutes.

    Answers stay bytes, as RQ expects them. ValueError when the URL has another scheme.
    """
    return Redis.from_url(
        url,
        socket_timeout=socket_timeout,
        socket_connect_timeout=socket_timeout,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries, supported_errors=(RedisConnectionError,)),
    )


def server_time(redis: Redis) -> float:
    """Seconds since 1970 by the clock of Redis, since clocks of workers and API may differ. RedisError."""
    seconds, microseconds = redis.time()
    return float(seconds + microseconds / 1e6)


def is_transient(error: RedisError) -> bool:
    """True for an error of the server's state, not of the command: the same command may succeed later."""
    if isinstance(error, RedisConnectionError | RedisTimeoutError | ReadOnlyError | OutOfMemoryError):
        return True
    # the server cannot write to its disk, for example because it is full
    return isinstance(error, ResponseError) and str(error).startswith("MISCONF")


def retry_while_unavailable(
    call: Callable[[], T], patience_s: float, should_stop: Callable[[], bool] = lambda: False
) -> T:
    """Returns the result of ``call``, which is repeated while Redis is unavailable, for up to ``patience_s`` seconds.

    ``call`` must be idempotent, since an answer may get lost. RedisError after that time, as soon as ``should_stop``
    returns True, or when the error is not transient.
    """
    deadline = time.monotonic() + patience_s
    wait_s = _FIRST_WAIT_S
    while True:
        try:
            return call()
        except RedisError as error:
            if not is_transient(error) or should_stop() or time.monotonic() + wait_s > deadline:
                raise
            log.warning("redis_awaited", error=str(error))
        time.sleep(wait_s)
        wait_s = min(_LONGEST_WAIT_S, 2 * wait_s)


@contextmanager
def hold_lock(redis: Redis, name: str, wait_s: float, ttl_s: float = LOCK_TTL_S) -> Iterator[bool]:
    """Holds a lock during the block, of any length; yields False when it is not free within ``wait_s`` seconds.

    RedisError. A holder that is paused, or cut off from Redis, for ``ttl_s`` seconds may no longer be the only one.
    """
    lock = redis.lock(name, timeout=ttl_s, blocking_timeout=wait_s, thread_local=False)
    if not lock.acquire():
        yield False
        return
    ended = threading.Event()
    thread = threading.Thread(target=_renew, args=(lock, ttl_s / _RENEWALS, ended), name="lock", daemon=True)
    thread.start()
    try:
        yield True
    finally:
        ended.set()
        thread.join()
        with suppress(LockError):  # it expired, and another holder may have it
            lock.release()


def _renew(lock: Lock, every_s: float, ended: threading.Event) -> None:
    while not ended.wait(every_s):
        try:
            lock.reacquire()
        except LockError:
            log.warning("lock_lost", name=lock.name)
            return
        except RedisError as error:  # the next renewal may still be in time
            log.warning("lock_not_renewed", name=lock.name, error=str(error))
