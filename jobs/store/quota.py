"""Quota of the store: a count of the used bytes in Redis, and the removal of files of jobs that have ended.

The record says that the files have expired before they are removed, so that the API never offers a missing file. Before
that, the job is added to a list in Redis. When the removal fails or the process dies, a later round finds the job there
and tries again.
"""

from dataclasses import dataclass
from typing import Final, Literal, cast

import structlog
from redis import Redis

from jobs.infra.redis_connection import hold_lock, server_time
from jobs.repository import JobRecords
from jobs.store import ArtifactStore, StoreError, StoreFullError

log: Final = structlog.get_logger(__name__)
# A single bad file blocks nothing. This many failures in one round mean that the store itself does not work.
MAX_FAILURES: Final = 3
_TO_REMOVE_KEY: Final = "v2m:to-remove"
_USED_KEY: Final = "v2m:store:used"
_LOCK: Final = "v2m:store:making-room"
_LOCK_WAIT_S: Final = 20.0  # longer than the TTL of a dead process's lock
_ALL: Final = 1_000_000


@dataclass(frozen=True)
class ExpiredFiles:
    """Files of one job that are to be removed, and the reason."""

    job_id: str
    what: Literal["upload", "all", "stray results"]
    reason: Literal["age", "quota", "deleted", "expired before", "unreferenced"]


class FileRemover:
    """Removes files in an order that may be interrupted anywhere. Logs StoreErrors; raises RedisError."""

    def __init__(self, redis: Redis, records: JobRecords, store: ArtifactStore) -> None:
        """All three belong to the same service."""
        self._redis = redis
        self._records = records
        self._store = store

    def remove(self, files: ExpiredFiles, keep_attempt: int = 0) -> list[ExpiredFiles]:
        """Returns ``[files]`` once they are removed, and an empty list when that failed.

        ``keep_attempt``: the attempt, from 1, whose results are kept when stray results are removed; 0 for none.
        """
        try:
            if files.what == "upload":
                self._remove_upload(files.job_id)
            elif files.what == "all":
                self._remove_all(files.job_id)
            else:
                self._store.keep_only(files.job_id, keep_attempt)
        except StoreError as error:
            log.warning("files_not_removed", job_id=files.job_id, what=files.what, error=str(error))
            return []
        log.info("files_removed", job_id=files.job_id, what=files.what, reason=files.reason)
        return [files]

    def retry_pending(self) -> list[ExpiredFiles]:
        """Tries earlier failures again; stops after ``MAX_FAILURES`` new ones. Returns what was removed."""
        gone: list[ExpiredFiles] = []
        failures = 0
        for files in self.list_pending():
            removed = self.remove(files)
            gone += removed
            failures += not removed
            if failures == MAX_FAILURES:
                break
        return gone

    def list_pending(self) -> list[ExpiredFiles]:
        """Files that could not be removed so far, the one with the oldest try first."""
        ids = cast("list[bytes]", self._redis.zrange(_TO_REMOVE_KEY, 0, -1))
        return [ExpiredFiles(job_id.decode(), "all", "expired before") for job_id in ids]

    def _remove_upload(self, job_id: str) -> None:
        self._store.remove_upload(job_id)
        self._records.mark_upload_removed(job_id)

    def _remove_all(self, job_id: str) -> None:
        self._redis.zadd(_TO_REMOVE_KEY, {job_id: server_time(self._redis)})
        record = self._records.get(job_id)
        if record is None:  # the record was lost
            self._records.forget(job_id)
        elif record.expired_at is None:
            self._records.mark_expired(job_id)
        self._store.remove(job_id)
        self._redis.zrem(_TO_REMOVE_KEY, job_id)


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
