"""Used bytes of the store: a counter in Redis, because listing the whole store is slow."""

from typing import Final, cast

from redis import Redis

from jobs.store import ArtifactStore

_USED_KEY: Final = "v2m:store:used"


class Usage:
    """Bytes in the store when it was last listed, plus uploads since."""

    def __init__(self, redis: Redis, store: ArtifactStore) -> None:
        """``store`` is listed when the counter does not exist yet."""
        self._redis = redis
        self._store = store

    def known(self) -> int | None:
        """The bytes; None if the store was never listed."""
        used = cast("bytes | None", self._redis.get(_USED_KEY))
        return None if used is None else int(used)

    def note(self, used: int) -> None:
        """Sets the counter to the bytes found by listing the store."""
        self._redis.set(_USED_KEY, used)

    def reserve(self, size: int, limit: int) -> bool:
        """Adds ``size`` bytes; False, and nothing is added, if that exceeds the limit. StoreError, RedisError."""
        if self.known() is None:
            self._redis.set(_USED_KEY, self._store.used_bytes(), nx=True)
        if self._redis.incrby(_USED_KEY, size) <= limit:
            return True
        self.release(size)
        return False

    def release(self, size: int) -> None:
        """Subtracts reserved bytes again."""
        self._redis.decrby(_USED_KEY, size)
