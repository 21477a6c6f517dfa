"""Quota of the store: a count of the used bytes in Redis, and the removal of the oldest files to make room."""

from typing import Final, cast

import structlog
from redis import Redis

from jobs.infra.redis_connection import hold_lock
from jobs.removal import MAX_FAILURES, ExpiredFiles, FileRemover
from jobs.repository import JobRecords
from jobs.store import ArtifactStore, StoreFullError

log: Final = structlog.get_logger(__name__)
_USED_KEY: Final = "v2m:store:used"
_LOCK: Final = "v2m:store:making-room"
_LOCK_WAIT_S: Final = 20.0  # longer than the TTL of a dead process's lock
_ALL: Final = 1_000_000


class Usage:
    """Bytes in the store, counted in Redis because a scan of the whole store takes long. RedisError."""

    def __init__(self, redis: Redis, store: ArtifactStore) -> None:
        """``store`` is scanned by the first reservation if there has been no scan before."""
        self._redis = redis
        self._store = store

    def get_bytes(self) -> int | None:
        """Bytes at the last scan plus later uploads; None before the first scan."""
        used = cast("bytes | None", self._redis.get(_USED_KEY))
        return None if used is None else int(used)

    def set_bytes(self, used: int) -> None:
        """Stores the result of a scan."""
        self._redis.set(_USED_KEY, used)

    def reserve(self, size: int, limit: int) -> bool:
        """Adds ``size`` bytes; returns False, and adds nothing, when the sum would exceed ``limit``. StoreError."""
        if self.get_bytes() is None:
            self._redis.set(_USED_KEY, self._store.used_bytes(), nx=True)
        if self._redis.incrby(_USED_KEY, size) <= limit:
            return True
        self.release(size)
        return False

    def release(self, size: int) -> None:
        """Subtracts bytes that were reserved."""
        self._redis.decrby(_USED_KEY, size)


class Quota:
    """Keeps the bytes in the store within a limit. StoreError when the store does not work; RedisError."""

    def __init__(
        self, redis: Redis, records: JobRecords, store: ArtifactStore, remover: FileRemover, usage: Usage, limit: int
    ) -> None:
        """``limit`` is in bytes."""
        self._redis = redis
        self._records = records
        self._store = store
        self._remover = remover
        self._usage = usage
        self._limit = limit

    def reserve(self, size: int) -> None:
        """Counts ``size`` more bytes as stored, and removes the oldest files if they do not fit otherwise.

        StoreFullError when they cannot fit, and then nothing has been removed; also when the files cannot be removed,
        or another process takes too long to make room.
        """
        if self._usage.reserve(size, self._limit):
            return
        with hold_lock(self._redis, _LOCK, _LOCK_WAIT_S) as is_held:  # or each process would remove as much
            if not is_held:
                raise StoreFullError("another process is making room in the store, which takes long")
            if self._usage.reserve(size, self._limit):  # another process has made enough room
                return
            self._shrink(size)
            if not self._usage.reserve(size, self._limit):
                raise StoreFullError(f"{size} bytes more do not fit into the store's quota of {self._limit} bytes")

    def enforce(self) -> list[ExpiredFiles]:
        """Removes files until the limit is met, unless another process is doing so. Returns what was removed."""
        with hold_lock(self._redis, _LOCK, wait_s=0) as is_held:
            if is_held:
                return self._shrink(0)
        log.info("quota_left_to_another")
        return []

    def _shrink(self, extra: int) -> list[ExpiredFiles]:
        """Removes the oldest files until ``extra`` more bytes would fit; removes nothing when they never would."""
        stored = self._store.list_jobs()
        uploads = {job.id: job.upload_bytes for job in stored}
        left = {job.id: job.bytes for job in stored}
        used = sum(left.values())
        candidates = self._list_candidates()
        whole_jobs = {files.job_id for files in candidates if files.what == "all"}
        removable = sum(left.get(job_id, 0) for job_id in whole_jobs)
        if extra and used - removable + extra > self._limit:
            candidates = []
        gone: list[ExpiredFiles] = []
        failures = 0
        for files in candidates:
            if used + extra <= self._limit or failures == MAX_FAILURES:
                break
            size = (uploads if files.what == "upload" else left).get(files.job_id, 0)
            if not size:
                continue
            if self._remover.remove(files):
                gone.append(files)
                used, left[files.job_id] = used - size, left[files.job_id] - size
            elif (files.what, files.reason) == ("all", "quota"):
                break  # this job's record already says that its results expired: a failing store must not cost another
            else:
                failures += 1
        self._usage.set_bytes(used)
        return gone

    def _list_candidates(self) -> list[ExpiredFiles]:
        """Removable files in the order of removal: earlier failures, uploads, then whole jobs."""
        return [
            *self._remover.list_pending(),
            *(ExpiredFiles(job_id, "upload", "quota") for job_id in self._records.list_kept("uploads", limit=_ALL)),
            *(ExpiredFiles(job_id, "all", "quota") for job_id in self._records.list_kept("results", limit=_ALL)),
        ]
