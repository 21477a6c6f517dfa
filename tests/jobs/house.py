"""Store with jobs, as the API and a worker create them, and its retention."""

import io
import os
import time
from collections.abc import Callable
from pathlib import Path

from redis import Redis

from jobs.infra import processes
from jobs.infra.settings import Settings
from jobs.queue import JobQueue
from jobs.record import JobError, JobRecord
from jobs.repository import JobRecords
from jobs.retention import Retention
from jobs.store import ArtifactStore, StoredJob
from model_core.options import ModelInfo, ScoreOptions

MODEL = ModelInfo(name="one", version="2", kind="none", licence="CC0-1.0", base=None)
ERROR = JobError(code="no_frames", detail="holds no frame")
DAY_S = 24 * 3600.0
UPLOAD, RESULT = 100, 1000  # bytes
Make = Callable[..., "House"]


class House:
    """Creates jobs in every status, with their files in the store."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self.records = JobRecords(redis, settings.record_retention_s)
        self.store = ArtifactStore.open(settings, processes.new_name())
        self.queue = JobQueue(redis, self.records, settings)
        self.retention = Retention(redis, self.records, self.store, settings)

    def queued(self, size: int = UPLOAD) -> str:
        record = JobRecord.new("", ScoreOptions(), {}, upload_bytes=size)
        self.upload(record.id, size)
        self.queue.submit(record)
        return record.id

    def upload(self, job_id: str, size: int = UPLOAD) -> None:
        with self.store.scratch.file(io.BytesIO(b"u" * size), size) as path:
            self.store.put_upload(job_id, path)

    def publish(self, job_id: str, attempt: int) -> None:
        with self.store.scratch.folder(job_id) as work:
            (work / "made.mp4").write_bytes(b"r" * RESULT)
            made = self.store.publish(job_id, attempt, {"video": work / "made.mp4"})
        self.made = made

    def in_progress(self) -> str:
        job_id = self.queued()
        self.publish(job_id, self.records.start(job_id, MODEL, "somebody"))
        return job_id

    def completed(self) -> str:
        job_id = self.in_progress()
        self.records.complete(job_id, 1, self.made)
        return job_id

    def failed(self) -> str:
        job_id = self.queued()
        self.records.fail(job_id, ERROR)
        return job_id

    def record(self, job_id: str) -> JobRecord:
        record = self.records.get(job_id)
        assert record is not None
        return record

    def stored(self) -> dict[str, StoredJob]:
        return {job.id: job for job in self.store.list_jobs()}


def age(root: Path, seconds: float) -> None:
    """Makes every file look ``seconds`` old."""
    for path in [*root.rglob("*"), root]:
        os.utime(path, (time.time() - seconds,) * 2)


def job_folder(tmp_path: Path, job_id: str) -> Path:
    """Folder of a job's files in a store on the disk with the usual settings."""
    return tmp_path / "state" / "store" / "jobs" / job_id


def too_deep(folder: Path) -> None:
    """Creates a folder with a path longer than the system's limit, so that it cannot be listed."""
    folder.mkdir()
    handle = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=handle)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)
