"""How long files are kept: by age, by the store's quota, and by whether anybody knows of them.

Only files of jobs that are over are ever removed.
"""

from contextlib import suppress
from typing import Final

from redis import Redis

from jobs import owner_index
from jobs.infra.redis_connection import server_time
from jobs.infra.settings import Settings
from jobs.record import JobRecord, JobStatus
from jobs.removal import Expired, Removal
from jobs.repository import JobRecords, UnknownJobError
from jobs.store import ArtifactStore, StoredJob, StoreFullError
from jobs.store.quota import Quota
from jobs.store.usage import Usage

_TIDIED_KEY: Final = "v2m:store:tidied"
_MIN_AGE_S: Final = 24 * 3600.0  # an upload is there before its record is
_TIDY_EVERY_S: Final = 3600  # it looks through the whole store
_AT_ONCE: Final = 1000


class Retention:
    """Removes what need not be kept, and tells whether there is room for more."""

    def __init__(self, redis: Redis, records: JobRecords, store: ArtifactStore, settings: Settings) -> None:
        """``settings`` gives the ages, the quota, and the room that must stay free on a disk."""
        self._redis = redis
        self._records = records
        self._store = store
        self._upload_retention_s = settings.upload_retention_s
        self._retention_s = settings.retention_s
        self._min_free_bytes = settings.min_free_bytes
        self._removal = Removal(redis, records, store)
        self._usage = Usage(redis, store)
        limit = settings.store_max_bytes
        self._quota = None if limit is None else Quota(redis, records, store, self._removal, self._usage, limit)

    def expire(self, now: float | None = None) -> list[Expired]:
        """Removes what should have gone before, what is over its age or the quota, then what nobody knows of.

        Once an hour the lists of jobs are freed from those that are forgotten, too.

        ``now``: seconds since 1970, by default the server's clock. One file that cannot be removed is logged and does
        not stand in the way of the others; StoreError when the store as a whole does not work, RedisError.
        """
        if now is None:
            now = server_time(self._redis)
        self._store.scratch.sweep()
        gone = self._removal.again()
        gone += self._by_age(now)
        if self._quota is not None:
            gone += self._quota.keep()
        if self._redis.set(_TIDIED_KEY, "1", nx=True, ex=_TIDY_EVERY_S):
            owner_index.tidy(self._redis)
            gone += self._tidy(now)
        return gone

    def make_room(self, size: int) -> None:
        """Makes sure that an upload of ``size`` bytes may be put into the store; the oldest files make room for it.

        It counts as stored until the store is looked through again: ``release`` it when it is not. It is taken to lie
        in the scratch already. StoreFullError when there is no room, StoreError, RedisError.
        """
        self.check_disk()
        if self._quota is not None:
            self._quota.reserve(size)

    def check_disk(self, extra: int = 0) -> None:
        """StoreFullError when less than must stay free would be, with ``extra`` bytes more in the scratch.

        The store is on the same disk, or on none.
        """
        free = self._store.scratch.free_bytes() - extra
        if free < self._min_free_bytes:
            raise StoreFullError(f"{free} bytes would be free on the disk; {self._min_free_bytes} must stay free")

    def release(self, size: int) -> None:
        """Takes back ``make_room``: the upload has not been stored."""
        if self._quota is not None:
            self._usage.release(size)

    def delete(self, record: JobRecord) -> None:
        """Removes a job that is not in progress, whatever there is of it; IllegalMoveError while it is.

        The record goes first, as always: files that cannot be removed now are tried again every round. A job that is
        gone already is looked after in the same way: the answer may have got lost on its way.
        """
        with suppress(UnknownJobError):
            self._records.remove(record)
        self._removal.tried(Expired(record.id, "all", "deleted"))

    def used(self) -> int | None:
        """Bytes in the store when it was last looked through, and uploads since; None when it never was."""
        return self._usage.known()

    def _by_age(self, now: float) -> list[Expired]:
        gone: list[Expired] = []
        for job_id in self._records.kept("uploads", now - self._upload_retention_s, _AT_ONCE):
            gone += self._removal.tried(Expired(job_id, "upload", "age"))
        for job_id in self._records.kept("results", now - self._retention_s, _AT_ONCE):
            gone += self._removal.tried(Expired(job_id, "all", "age"))
        return gone

    def _tidy(self, now: float) -> list[Expired]:
        """Removes old files of jobs without a record, of expired jobs, and of attempts that came to nothing."""
        gone: list[Expired] = []
        used = 0
        for job in self._store.stored():
            removed = self._tried_stray(job) if job.changed < now - _MIN_AGE_S else []
            used += 0 if removed and removed[0].what == "all" else job.bytes
            gone += removed
        self._usage.note(used)
        return gone

    def _tried_stray(self, job: StoredJob) -> list[Expired]:
        record = self._records.get(job.id)
        if record is None or record.expired_at is not None:
            return self._removal.tried(Expired(job.id, "all", "nobody knows of them"))
        counts = record.attempt if record.status is JobStatus.COMPLETED else 0  # attempts are numbered from 1
        if record.is_final and job.attempts - {counts}:
            return self._removal.tried(Expired(job.id, "stray results", "nobody knows of them"), counts)
        return []
