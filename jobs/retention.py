"""Retention of files: by age, by the store's quota, and by whether a record refers to them.

Only files of jobs that have ended are removed. The owners' job lists are pruned on the way.
"""

from contextlib import suppress
from typing import Final, cast

from redis import Redis

from jobs.infra.redis_connection import server_time
from jobs.infra.settings import Settings
from jobs.record import JobRecord, JobStatus
from jobs.repository import OWNERS_KEY, JobRecords, UnknownJobError, owned_key
from jobs.store import ArtifactStore, StoredJob, StoreFullError
from jobs.store.quota import ExpiredFiles, FileRemover, Quota, Usage

_SCANNED_KEY: Final = "v2m:store:tidied"
_MIN_AGE_S: Final = 24 * 3600.0  # an upload is stored before its record
_SCAN_EVERY_S: Final = 3600  # a scan reads the whole store
_BATCH: Final = 1000


class Retention:
    """Removes files that need not be kept, and checks the room for new ones."""

    def __init__(self, redis: Redis, records: JobRecords, store: ArtifactStore, settings: Settings) -> None:
        """``settings`` gives the ages, the quota, and the space that must stay free on a disk."""
        self._redis = redis
        self._records = records
        self._store = store
        self._upload_retention_s = settings.upload_retention_s
        self._retention_s = settings.retention_s
        self._min_free_bytes = settings.min_free_bytes
        self._remover = FileRemover(redis, records, store)
        self._usage = Usage(redis, store)
        limit = settings.store_max_bytes
        self._quota = None if limit is None else Quota(redis, records, store, self._remover, self._usage, limit)

    def expire(self, now: float | None = None) -> list[ExpiredFiles]:
        """Runs one round: retries earlier failures, then removes by age and by quota. Returns what was removed.

        Once an hour it also scans the store for files without a record and prunes the owners' job lists.

        ``now``: seconds since 1970, by default the server's clock. A single file that cannot be removed is logged and
        skipped. StoreError when the store as a whole does not work; RedisError.
        """
        if now is None:
            now = server_time(self._redis)
        self._store.scratch.sweep()
        gone = self._remover.retry_pending()
        gone += self._remove_by_age(now)
        if self._quota is not None:
            gone += self._quota.enforce()
        if self._redis.set(_SCANNED_KEY, "1", nx=True, ex=_SCAN_EVERY_S):
            prune_owner_lists(self._redis)
            gone += self._remove_strays(now)
        return gone

    def make_room(self, size: int) -> None:
        """Reserves ``size`` bytes in the store for an upload; removes the oldest files where the quota asks for it.

        The upload is expected to be in the scratch folder already. Call ``release`` when it is not stored in the end.
        StoreFullError when there is no room; StoreError; RedisError.
        """
        self.check_disk()
        if self._quota is not None:
            self._quota.reserve(size)

    def check_disk(self, extra: int = 0) -> None:
        """StoreFullError when ``extra`` bytes more in the scratch folder would leave less than must stay free.

        The store is on the same disk, or on none.
        """
        free = self._store.scratch.free_bytes() - extra
        if free < self._min_free_bytes:
            raise StoreFullError(f"{free} bytes would be free on the disk; {self._min_free_bytes} must stay free")

    def release(self, size: int) -> None:
        """Undoes ``make_room`` for an upload that was not stored."""
        if self._quota is not None:
            self._usage.release(size)

    def delete(self, record: JobRecord) -> None:
        """Removes a job with its record and files; IllegalTransitionError while it is in progress.

        The record goes first: files that cannot be removed now are tried again every round. A job without a record is
        handled the same way, since this may be the second call after a lost answer.
        """
        with suppress(UnknownJobError):
            self._records.remove(record)
        self._remover.remove(ExpiredFiles(record.id, "all", "deleted"))

    def used_bytes(self) -> int | None:
        """Bytes in the store at the last scan plus later uploads; None before the first scan."""
        return self._usage.get_bytes()

    def _remove_by_age(self, now: float) -> list[ExpiredFiles]:
        gone: list[ExpiredFiles] = []
        for job_id in self._records.list_kept("uploads", now - self._upload_retention_s, _BATCH):
            gone += self._remover.remove(ExpiredFiles(job_id, "upload", "age"))
        for job_id in self._records.list_kept("results", now - self._retention_s, _BATCH):
            gone += self._remover.remove(ExpiredFiles(job_id, "all", "age"))
        return gone

    def _remove_strays(self, now: float) -> list[ExpiredFiles]:
        """Removes old files of jobs without a record, of expired jobs, and of attempts that failed."""
        gone: list[ExpiredFiles] = []
        used = 0
        for job in self._store.list_jobs():
            removed = self._remove_stray(job) if job.changed < now - _MIN_AGE_S else []
            used += 0 if removed and removed[0].what == "all" else job.bytes
            gone += removed
        self._usage.set_bytes(used)
        return gone

    def _remove_stray(self, job: StoredJob) -> list[ExpiredFiles]:
        record = self._records.get(job.id)
        if record is None or record.expired_at is not None:
            return self._remover.remove(ExpiredFiles(job.id, "all", "unreferenced"))
        keep = record.attempt if record.status is JobStatus.COMPLETED else 0  # attempts are numbered from 1
        if record.is_final and job.attempts - {keep}:
            return self._remover.remove(ExpiredFiles(job.id, "stray results", "unreferenced"), keep)
        return []


def prune_owner_lists(redis: Redis, batch: int = _BATCH) -> None:
    """Removes the ids of expired records from every owner's job list; RedisError.

    Redis expires a record on its own and leaves its id in the list. Each list is read from its old end in batches until
    every id of a batch has a record. Records expire roughly in the order of creation, so few stay behind.
    """
    for owner in cast("set[bytes]", redis.smembers(OWNERS_KEY)):
        _prune(redis, owned_key(owner.decode()), batch)


def _prune(redis: Redis, key: str, batch: int) -> None:
    kept = 0
    while job_ids := cast("list[bytes]", redis.zrange(key, kept, kept + batch - 1)):
        with redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.exists(JobRecords.key(job_id.decode()))
            found = cast("list[int]", pipeline.execute())
        # A record and its list entry are created together, and ids are never reused: what is gone now stays gone.
        gone = [job_id for job_id, exists in zip(job_ids, found, strict=True) if not exists]
        if not gone:
            return
        redis.zrem(key, *gone)
        kept += len(job_ids) - len(gone)
