"""The store's quota: files of the oldest finished jobs are removed to make room for new ones."""

from typing import Final

import structlog
from redis import Redis

from jobs.infra.lock import held
from jobs.removal import MAX_FAILURES, Expired, Removal
from jobs.repository import JobRecords
from jobs.store import ArtifactStore, StoreFullError
from jobs.store.usage import Usage

log: Final = structlog.get_logger(__name__)
_LOCK: Final = "v2m:store:making-room"
_LOCK_WAIT_S: Final = 20.0  # longer than the lock of a process that died
_ALL: Final = 1_000_000


class Quota:
    """Keeps the store within a limit of bytes. StoreError if the store does not work, RedisError."""

    def __init__(
        self, redis: Redis, records: JobRecords, store: ArtifactStore, removal: Removal, usage: Usage, limit: int
    ) -> None:
        """``limit`` is in bytes."""
        self._redis = redis
        self._records = records
        self._store = store
        self._removal = removal
        self._usage = usage
        self._limit = limit

    def reserve(self, size: int) -> None:
        """Reserves ``size`` bytes, and removes old files if necessary.

        StoreFullError if they cannot fit, and then nothing was removed; also if old files cannot be removed, or if
        another process takes too long to remove some.
        """
        if self._usage.reserve(size, self._limit):
            return
        with held(self._redis, _LOCK, _LOCK_WAIT_S) as is_locked:  # otherwise each process would remove as much
            if not is_locked:
                raise StoreFullError("another process is still making room in the store")
            if self._usage.reserve(size, self._limit):  # another process has removed enough
                return
            self._shrink(size)
            if not self._usage.reserve(size, self._limit):
                raise StoreFullError(f"{size} bytes more do not fit into the store's quota of {self._limit} bytes")

    def keep(self) -> list[Expired]:
        """Removes what is over the limit, unless another process is doing so."""
        with held(self._redis, _LOCK, wait_s=0) as is_locked:
            if is_locked:
                return self._shrink(0)
        log.info("quota_left_to_another")
        return []

    def _shrink(self, extra: int) -> list[Expired]:
        """Removes files, oldest first, until ``extra`` bytes more fit. Removes nothing if they never would."""
        stored = self._store.stored()
        uploads = {job.id: job.upload_bytes for job in stored}
        left = {job.id: job.bytes for job in stored}
        used = sum(left.values())
        candidates = self._candidates()
        removable = sum(left.get(job_id, 0) for job_id in {found.job_id for found in candidates if found.what == "all"})
        if extra and used - removable + extra > self._limit:
            candidates = []
        gone: list[Expired] = []
        failures = 0
        for found in candidates:
            if used + extra <= self._limit or failures == MAX_FAILURES:
                break
            size = (uploads if found.what == "upload" else left).get(found.job_id, 0)
            if not size:
                continue
            if self._removal.tried(found):
                gone.append(found)
                used, left[found.job_id] = used - size, left[found.job_id] - size
            elif (found.what, found.reason) == ("all", "quota"):
                break  # its record already has no results; a failing store must not cost the next job's results
            else:
                failures += 1
        self._usage.note(used)
        return gone

    def _candidates(self) -> list[Expired]:
        """Removable files in this order: expired ones, uploads, whole jobs."""
        return [
            *self._removal.left(),
            *(Expired(job_id, "upload", "quota") for job_id in self._records.kept("uploads", limit=_ALL)),
            *(Expired(job_id, "all", "quota") for job_id in self._records.kept("results", limit=_ALL)),
        ]
