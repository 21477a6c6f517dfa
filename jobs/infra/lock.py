"""Redis lock for work of any length: it expires soon after its holder dies, and a thread renews it until then."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import structlog
from redis import Redis
from redis.exceptions import LockError, RedisError
from redis.lock import Lock

log: Final = structlog.get_logger(__name__)
LOCK_TTL_S: Final = 15.0  # also the time after which the lock of a dead holder is free
_RENEWALS: Final = 3  # within one TTL


@contextmanager
def hold_lock(redis: Redis, name: str, wait_s: float, ttl_s: float = LOCK_TTL_S) -> Iterator[bool]:
    """Holds the lock during the block; yields False when another holder still has it after ``wait_s`` seconds.

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
