"""Removes files of jobs that are over, and does not forget what it could not remove.

A record says that its files have expired before they go, so that nobody is told of files that are not there. Before
that the job is noted as one whose files are to go: when they cannot be removed, or the process dies, a later round
finds it there and tries again.
"""

from dataclasses import dataclass
from typing import Final, Literal, cast

import structlog
from redis import Redis

from jobs.infra.redis_connection import server_time
from jobs.repository import JobRecords
from jobs.store import ArtifactStore, StoreError

log: Final = structlog.get_logger(__name__)
# One bad file is in nobody's way; so many in one round, and it is the store that removes nothing.
MAX_FAILURES: Final = 3
_TO_REMOVE_KEY: Final = "v2m:to-remove"


@dataclass(frozen=True)
class Expired:
    """Files that are to be removed: which ones of a job, and why."""

    job_id: str
    what: Literal["upload", "all", "stray results"]
    reason: Literal["age", "quota", "deleted", "expired before", "nobody knows of them"]


class Removal:
    """Removes files in an order that is safe to break off anywhere. StoreErrors are logged; RedisError."""

    def __init__(self, redis: Redis, records: JobRecords, store: ArtifactStore) -> None:
        """All of the same service."""
        self._redis = redis
        self._records = records
        self._store = store

    def tried(self, expired: Expired, counts: int = 0) -> list[Expired]:
        """The same once it is removed; nothing when it could not be.

        ``counts``: the attempt whose results are no stray ones, from 1; 0 for none.
        """
        try:
            if expired.what == "upload":
                self._upload(expired.job_id)
            elif expired.what == "all":
                self._all(expired.job_id)
            else:
                self._store.keep_only(expired.job_id, counts)
        except StoreError as error:
            log.warning("files_not_removed", job_id=expired.job_id, what=expired.what, error=str(error))
            return []
        log.info("files_removed", job_id=expired.job_id, what=expired.what, reason=expired.reason)
        return [expired]

    def again(self) -> list[Expired]:
        """Tries what could not be removed before, until so many fail that the store does not seem to work."""
        gone: list[Expired] = []
        failures = 0
        for left in self.left():
            removed = self.tried(left)
            gone += removed
            failures += not removed
            if failures == MAX_FAILURES:
                break
        return gone

    def left(self) -> list[Expired]:
        """What could not be removed before, the one first that was tried the longest ago."""
        ids = cast("list[bytes]", self._redis.zrange(_TO_REMOVE_KEY, 0, -1))
        return [Expired(job_id.decode(), "all", "expired before") for job_id in ids]

    def _upload(self, job_id: str) -> None:
        self._store.remove_upload(job_id)
        self._records.upload_removed(job_id)

    def _all(self, job_id: str) -> None:
        self._redis.zadd(_TO_REMOVE_KEY, {job_id: server_time(self._redis)})
        record = self._records.get(job_id)
        if record is None:  # it was lost
            self._records.forget(job_id)
        elif record.expired_at is None:
            self._records.expired(job_id)
        self._store.remove(job_id)
        self._redis.zrem(_TO_REMOVE_KEY, job_id)
