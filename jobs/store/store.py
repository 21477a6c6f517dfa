"""Artifact store: uploads and results by job id.

Layout: ``jobs/<id>/upload`` and ``jobs/<id>/results/<attempt>/<variant>.<suffix>``. The job's record names the attempt
whose results count, so the results of a superseded or unfinished attempt are never visible.
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jobs.infra.processes import new_name
from jobs.infra.settings import Settings
from jobs.record import Artifact, check_job_id, is_job_id
from jobs.store.backend import Entry, Files, StoreError, translate_os_errors
from jobs.store.local import LocalFiles
from jobs.store.scratch import Scratch
from model_core.results import Variant

_VARIANTS: Final = frozenset(variant.value for variant in Variant)
_FILE: Final = "file://"
_S3: Final = "s3://"


@dataclass(frozen=True)
class StoredJob:
    """Summary of the files of one job.

    Attributes:
        bytes: size of all files.
        upload_bytes: size of the upload, in bytes.
        attempts: numbers of the attempts with results.
        changed: time of the last change in seconds since 1970, by the clock of the backend.
    """

    id: str
    bytes: int
    upload_bytes: int
    attempts: frozenset[int]
    changed: float


class ArtifactStore:
    """Files by job id. Ids are validated, so that no request can reach other paths. Methods raise StoreError."""

    def __init__(self, files: Files, scratch: Scratch) -> None:
        """``scratch``: temporary folder of the files that ``put_upload`` and ``publish`` move in."""
        self._files = files
        self.scratch = scratch

    @classmethod
    def open(cls, settings: Settings, owner: str) -> "ArtifactStore":
        """The store that ``settings`` name, for the process named ``owner``; StoreError when it cannot be used."""
        url = settings.store_url
        if url.startswith(_FILE):
            root = Path(url.removeprefix(_FILE))
            if not root.is_absolute():
                raise StoreError(f"V2M_STORE needs an absolute path, such as file:///var/lib/v2m/store, not {url}.")
            scratch = Scratch(root / "scratch", owner)
            return cls(LocalFiles(root / "jobs", scratch), scratch)
        if url.startswith(_S3) and url.removeprefix(_S3).strip("/"):
            scratch = Scratch(settings.state_dir / "scratch", owner)
            return cls(_remote(url.removeprefix(_S3), settings.s3_endpoint, scratch), scratch)
        advice = f" Did you mean {_FILE}{url}?" if url.startswith("/") else ""
        raise StoreError(f"V2M_STORE must be file:///folder or s3://bucket/prefix, not {url}.{advice}")

    def put_upload(self, job_id: str, path: Path) -> None:
        """Moves a scratch file in as the job's upload; it is durable when this returns."""
        self._files.put(_upload(job_id), path)

    def upload(self, job_id: str) -> AbstractContextManager[Path]:
        """The upload as a local file for the duration of the block; MissingArtifactError."""
        return self._files.local(_upload(job_id))

    def publish(self, job_id: str, attempt: int, files: Mapping[str, Path]) -> dict[Variant, Artifact]:
        """Moves scratch files, by variant, in as an attempt's results: all of them or none.

        ValueError when a name is not a variant or a file is missing; then nothing is published.
        """
        folder = _results(job_id, attempt)
        named: dict[Variant, tuple[Artifact, Path]] = {}
        for name, path in files.items():
            if name not in _VARIANTS or not path.is_file():
                raise ValueError(f"the artifact {name!r} at {path} is no file of a known variant")
            with translate_os_errors("the results cannot be read"):
                named[Variant(name)] = Artifact(name=f"{name}{path.suffix.lower()}", bytes=path.stat().st_size), path
        self._files.put_all(folder, {artifact.name: path for artifact, path in named.values()})
        return {variant: artifact for variant, (artifact, _) in named.items()}

    def read(
        self, job_id: str, attempt: int, artifact: Artifact, start: int = 0, stop: int | None = None
    ) -> Generator[bytes]:
        """The bytes of a result from ``start`` up to ``stop``, or to its end, in chunks.

        MissingArtifactError before the first chunk.
        """
        key = f"{_results(job_id, attempt)}/{artifact.name}"
        return self._files.read(key, start, artifact.bytes if stop is None else stop)

    def discard(self, job_id: str, attempt: int) -> None:
        """Removes the results of an attempt to which no record refers."""
        self._files.remove(_results(job_id, attempt))

    def keep_only(self, job_id: str, attempt: int) -> None:
        """Removes the results of every other attempt."""
        for name in self._files.names(_results(job_id)):
            if name != str(attempt):
                self._files.remove(f"{_results(job_id)}/{name}")

    def remove_upload(self, job_id: str) -> None:
        """Removes the upload; does nothing when there is none."""
        self._files.remove(_upload(job_id))

    def remove_results(self, job_id: str) -> None:
        """Removes the results of all attempts; does nothing when there are none."""
        self._files.remove(_results(job_id))

    def remove(self, job_id: str) -> None:
        """Removes all files of a job; does nothing when there are none."""
        self._files.remove(check_job_id(job_id))

    def list_jobs(self) -> list[StoredJob]:
        """A summary of every job with files. Scans the whole store."""
        jobs: dict[str, list[Entry]] = {}
        for entry in self._files.entries():
            job_id = entry.key.partition("/")[0]
            if is_job_id(job_id):
                jobs.setdefault(job_id, []).append(entry)
        return [_summary(job_id, entries) for job_id, entries in jobs.items()]

    def used_bytes(self) -> int:
        """Size of all uploads and results in bytes. Scans the whole store."""
        return sum(entry.bytes for entry in self._files.entries())

    def free_bytes(self) -> int | None:
        """Free bytes on the store's disk; None when it is not on a disk."""
        return self._files.free_bytes()

    def check_writable(self) -> None:
        """StoreError when nothing can be written."""
        self._files.check_writable()

    def close(self) -> None:
        """Closes the connections."""
        self._files.close()


def check_store(settings: Settings) -> None:
    """StoreError with one sentence if the store of ``settings`` cannot be opened or written. Creates its folders."""
    if settings.store is None:  # before its subfolder: mkdir gives its mode to the last folder only
        with translate_os_errors(f"The folder {settings.state_dir} cannot be created"):
            settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = ArtifactStore.open(settings, new_name())
    try:
        store.check_writable()
    finally:
        store.close()


def _remote(root: str, endpoint: str | None, scratch: Scratch) -> Files:
    try:
        from jobs.store.remote import RemoteFiles
    except ModuleNotFoundError as error:
        raise StoreError(f"A store in S3 needs v2m-zero[s3]: {error}") from error
    return RemoteFiles(root, endpoint, scratch)


def _upload(job_id: str) -> str:
    return f"{check_job_id(job_id)}/upload"


def _results(job_id: str, attempt: int | None = None) -> str:
    folder = f"{check_job_id(job_id)}/results"
    return folder if attempt is None else f"{folder}/{attempt:d}"


def _summary(job_id: str, entries: Iterable[Entry]) -> StoredJob:
    found = list(entries)
    parts = [entry.key.split("/") for entry in found]
    attempts = frozenset(int(part[2]) for part in parts if len(part) > 2 and part[1] == "results" and part[2].isdigit())
    return StoredJob(
        id=job_id,
        bytes=sum(entry.bytes for entry in found),
        upload_bytes=sum(entry.bytes for entry in found if entry.key == _upload(job_id)),
        attempts=attempts,
        changed=max(entry.changed for entry in found),
    )
