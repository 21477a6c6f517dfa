"""How long files are kept: by age, by the store's quota, and by whether anybody knows of them.

Only files of jobs that are over are ever removed. A record says that its files have expired before they go, so that
nobody is told of files that are not there.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal, cast

import structlog
from redis import Redis
from redis.exceptions import LockError

from jobs.connection import server_time
from jobs.record import JobStatus
from jobs.records import JobRecords, UnknownJobError
from jobs.settings import Settings
from jobs.store import ArtifactStore, StoredJob, StoreError, StoreFullError

log: Final = structlog.get_logger(__name__)
_USED_KEY: Final = "v2m:store:used"
_TIDIED_KEY: Final = "v2m:store:tidied"
_LOCK: Final = "v2m:store:making-room"
_MIN_AGE_S: Final = 24 * 3600.0  # an upload is there before its record is
_TIDY_EVERY_S: Final = 3600  # it looks through the whole store
_LOCK_S: Final = 300.0
_LOCK_WAIT_S: Final = 20.0
_AT_ONCE: Final = 1000
_ALL: Final = 1_000_000


@dataclass(frozen=True)
class Expired:
    """Files that were removed: which ones of a job, and why."""

    job_id: str
    what: Literal["upload", "all", "stray results"]
    reason: Literal["age", "quota", "nobody knows of them"]


class Retention:
    """Removes what need not be kept, and tells whether there is room for more."""

    def __init__(self, redis: Redis, records: JobRecords, store: ArtifactStore, settings: Settings) -> None:
        """``settings`` gives the ages, the quota, and the room that must stay free on a disk."""
        self._redis = redis
        self._records = records
        self._store = store
        self._upload_retention_s = settings.upload_retention_s
        self._retention_s = settings.retention_s
        self._quota = settings.store_max_bytes
        self._min_free_bytes = settings.min_free_bytes

    def expire(self, now: float | None = None) -> list[Expired]:
        """Removes what is over its age, then what is over the quota, then what nobody knows of.

        ``now``: seconds since 1970, by default the server's clock. One file that cannot be removed is logged and does
        not stand in the way of the others; StoreError when the store as a whole does not work, RedisError.
        """
        if now is None:
            now = server_time(self._redis)
        self._store.scratch.sweep()
        gone = self._by_age(now)
        if self._quota is not None:
            with self._making_room():
                gone += self._by_quota(0)
        if self._redis.set(_TIDIED_KEY, "1", nx=True, ex=_TIDY_EVERY_S):
            gone += self._tidy(now)
        return gone

    def make_room(self, size: int) -> None:
        """Makes sure that an upload of ``size`` bytes may be put into the store; the oldest files make room for it.

        It counts as stored until the store is looked through again: ``release`` it when it is not. On a disk it is
        taken to lie there already, in the scratch. StoreFullError when it does not fit; then nothing has been removed.
        """
        self.check_disk()
        if self._quota is None or self._reserved(size, self._quota):
            return
        with self._making_room():
            if self._reserved(size, self._quota):  # another one has made enough
                return
            self._by_quota(size)
            if not self._reserved(size, self._quota):
                raise StoreFullError(f"{size} bytes more do not fit into the store's quota of {self._quota} bytes")

    def check_disk(self) -> None:
        """StoreFullError when less is free on the store's disk than must stay free."""
        free = self._store.free_bytes()
        if free is not None and free < self._min_free_bytes:
            raise StoreFullError(f"{free} bytes are free on the store's disk; {self._min_free_bytes} must stay free")

    def release(self, size: int) -> None:
        """Takes back ``make_room``: the upload has not been stored."""
        if self._quota is not None:
            self._redis.decrby(_USED_KEY, size)

    def used(self) -> int | None:
        """Bytes in the store when it was last looked through, and uploads since; None when it never was."""
        used = cast("bytes | None", self._redis.get(_USED_KEY))
        return None if used is None else int(used)

    def _by_age(self, now: float) -> list[Expired]:
        gone: list[Expired] = []
        for job_id in self._records.kept("uploads", now - self._upload_retention_s, _AT_ONCE):
            gone += self._tried(Expired(job_id, "upload", "age"), self._remove_upload)
        for job_id in self._records.kept("results", now - self._retention_s, _AT_ONCE):
            gone += self._tried(Expired(job_id, "all", "age"), self._remove_all)
        return gone

    def _by_quota(self, extra: int) -> list[Expired]:
        """Removes uploads, then whole jobs, the oldest first, until ``extra`` bytes more would fit.

        Nothing, when they would not even then.
        """
        quota = cast("int", self._quota)
        stored = {job.id: job for job in self._store.stored()}
        used = sum(job.bytes for job in stored.values())
        uploads = [stored[job_id] for job_id in self._records.kept("uploads", limit=_ALL) if job_id in stored]
        whole = [stored[job_id] for job_id in self._records.kept("results", limit=_ALL) if job_id in stored]
        gone: list[Expired] = []
        if not extra or used - sum(job.bytes for job in whole) + extra <= quota:
            left = {job.id: job.bytes for job in whole}
            for job in uploads:
                if used + extra > quota and job.upload_bytes:
                    removed = self._tried(Expired(job.id, "upload", "quota"), self._remove_upload)
                    freed = job.upload_bytes if removed else 0
                    used, left[job.id], gone = used - freed, left.get(job.id, 0) - freed, gone + removed
            for job in whole:
                if used + extra > quota and left[job.id] > 0:
                    removed = self._tried(Expired(job.id, "all", "quota"), self._remove_all)
                    used, gone = used - (left[job.id] if removed else 0), gone + removed
        self._redis.set(_USED_KEY, used)
        return gone

    def _tidy(self, now: float) -> list[Expired]:
        """Removes old files of jobs without a record, of expired jobs, and of attempts that came to nothing."""
        gone: list[Expired] = []
        used = 0
        for job in self._store.stored():
            removed = self._tried_stray(job) if job.changed < now - _MIN_AGE_S else []
            used += 0 if removed and removed[0].what == "all" else job.bytes
            gone += removed
        self._redis.set(_USED_KEY, used)
        return gone

    def _tried_stray(self, job: StoredJob) -> list[Expired]:
        record = self._records.get(job.id)
        if record is None or record.expired_at is not None:
            return self._tried(Expired(job.id, "all", "nobody knows of them"), self._store.remove)
        counts = record.attempt if record.status is JobStatus.COMPLETED else 0  # attempts are numbered from 1
        if record.is_final and job.attempts - {counts}:
            stray = Expired(job.id, "stray results", "nobody knows of them")
            return self._tried(stray, lambda job_id: self._store.keep_only(job_id, counts))
        return []

    def _remove_upload(self, job_id: str) -> None:
        self._store.remove_upload(job_id)
        self._records.upload_removed(job_id)

    def _remove_all(self, job_id: str) -> None:
        try:
            self._records.expired(job_id)
        except UnknownJobError:  # its record was lost
            self._records.forget(job_id)
        self._store.remove(job_id)

    def _tried(self, what: Expired, remove: Callable[[str], None]) -> list[Expired]:
        try:
            remove(what.job_id)
        except StoreError as error:
            log.warning("files_not_removed", job_id=what.job_id, what=what.what, error=str(error))
            return []
        log.info("files_removed", job_id=what.job_id, what=what.what, reason=what.reason)
        return [what]

    def _reserved(self, size: int, quota: int) -> bool:
        """Adds ``size`` to the bytes in use, unless they would be over the quota then."""
        if self.used() is None:
            self._redis.set(_USED_KEY, self._store.used_bytes(), nx=True)
        if self._redis.incrby(_USED_KEY, size) <= quota:
            return True
        self._redis.decrby(_USED_KEY, size)
        return False

    @contextmanager
    def _making_room(self) -> Iterator[None]:
        """One at a time, or each would remove as much; StoreFullError when another one takes too long."""
        lock = self._redis.lock(_LOCK, timeout=_LOCK_S, blocking_timeout=_LOCK_WAIT_S)
        if not lock.acquire():
            raise StoreFullError("room is being made in the store, which takes long")
        try:
            yield
        finally:
            with suppress(LockError):  # it took so long that the lock is another's by now
                lock.release()
