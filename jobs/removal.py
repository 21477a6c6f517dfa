"""Removal of files of jobs that have ended, with a list in Redis of what is still to be removed.

The record says that the files have expired before they are removed, so that the API never offers a missing file. Before
that, the job is added to the list. When the removal fails or the process dies, a later round finds the job there and
tries again.
"""

from dataclasses import dataclass
from typing import Final, Literal, cast

import structlog
from redis import Redis

from jobs.infra.redis_connection import server_time
from jobs.repository import JobRecords
from jobs.store import ArtifactStore, StoreError

log: Final = structlog.get_logger(__name__)
# A single bad file blocks nothing. This many failures in one round mean that the store itself does not work.
MAX_FAILURES: Final = 3
_TO_REMOVE_KEY: Final = "v2m:to-remove"


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
