"""How much is in the store: a count in Redis, because looking through the whole store takes long."""

from typing import Final, cast

from redis import Redis

from jobs.store import ArtifactStore

_USED_KEY: Final = "v2m:store:used"


class Usage:
    """Bytes in the store when it was last looked through, and uploads since."""

    def __init__(self, redis: Redis, store: ArtifactStore) -> None:
        """``store`` is looked through when nobody has done so yet."""
        self._redis = redis
        self._store = store

    def known(self) -> int | None:
        """The bytes; None when the store never was looked through."""
        used = cast("bytes | None", self._redis.get(_USED_KEY))
        return None if used is None else int(used)

    def note(self, used: int) -> None:
        """Takes down what a look through the store has found."""
        self._redis.set(_USED_KEY, used)

    def reserve(self, size: int, limit: int) -> bool:
        """Adds ``size`` bytes; False when they would be over the limit then. StoreError, RedisError."""
        if self.known() is None:
            self._redis.set(_USED_KEY, self._store.used_bytes(), nx=True)
        if self._redis.incrby(_USED_KEY, size) <= limit:
            return True
        self.release(size)
        return False

    def release(self, size: int) -> None:
        """Takes bytes back that were reserved."""
        self._redis.decrby(_USED_KEY, size)
