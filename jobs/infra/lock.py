"""A lock in Redis for work of any length that a death does not keep: it is short, and a thread renews it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import structlog
from redis import Redis
from redis.exceptions import LockError, RedisError
from redis.lock import Lock

log: Final = structlog.get_logger(__name__)
LASTS_S: Final = 15.0  # after its holder has died
_RENEWALS: Final = 3  # in that time


@contextmanager
def held(redis: Redis, name: str, wait_s: float, lasts_s: float = LASTS_S) -> Iterator[bool]:
    """Holds the lock during the block; yields False when another still has it after ``wait_s`` seconds. RedisError.

    A holder that was paused, or cut off from Redis, for ``lasts_s`` seconds may no longer be the only one.
    """
    lock = redis.lock(name, timeout=lasts_s, blocking_timeout=wait_s, thread_local=False)
    if not lock.acquire():
        yield False
        return
    ended = threading.Event()
    thread = threading.Thread(target=_renew, args=(lock, lasts_s / _RENEWALS, ended), name="lock", daemon=True)
    thread.start()
    try:
        yield True
    finally:
        ended.set()
        thread.join()
        with suppress(LockError):  # it is another's by now
            lock.release()


def _renew(lock: Lock, every_s: float, ended: threading.Event) -> None:
    while not ended.wait(every_s):
        try:
            lock.reacquire()
        except LockError:
            log.warning("lock_lost", name=lock.name)
            return
        except RedisError as error:  # the next time may be soon enough
            log.warning("lock_not_renewed", name=lock.name, error=str(error))
