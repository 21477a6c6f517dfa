"""Jobs as the API creates them, without the probe of the file, and their results."""

import io
from pathlib import Path

from jobs.infra.settings import Settings
from jobs.record import JobRecord
from model_core.options import ScoreOptions
from model_core.results import Variant
from service.dependencies import Services


def submit_job(services: Services, upload: bytes = b"video", prompt: str = "", seed: int = 0) -> str:
    """A queued job with this upload."""
    record = JobRecord.new(prompt, ScoreOptions(seed=seed), {})
    with services.store.scratch.file(io.BytesIO(upload), 1 << 30) as received:
        services.store.put_upload(record.id, received)
    services.queue.submit(record)
    return record.id


def read(services: Services, job_id: str) -> JobRecord:
    """The record, which must be there."""
    record = services.records.get(job_id)
    assert record is not None
    return record


def results(services: Services, job_id: str) -> dict[Variant, bytes]:
    """The published files of the job."""
    record = read(services, job_id)
    return {
        variant: b"".join(services.store.read(job_id, record.attempt, artifact))
        for variant, artifact in record.artifacts.items()
    }


def list_stored(services: Services, job_id: str) -> set[str]:
    """The files of a job, as paths within its folder."""
    folder = store_root(services.settings) / "jobs" / job_id
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def list_scratch(settings: Settings) -> list[Path]:
    """Temporary files that are left."""
    return [path for path in (store_root(settings) / "scratch").rglob("*") if path.is_file()]


def store_root(settings: Settings) -> Path:
    """The folder of a store on this disk."""
    return Path(settings.store_url.removeprefix("file://"))
