"""The artifact store: uploads and results on the local disk. Files appear whole or not at all.

Layout under the root: ``incoming/`` holds uploads that are still arriving, ``work/`` what workers are making, and
``jobs/<id>/`` what is published: ``upload`` and ``result/<variant>.<suffix>``. All on one file system, so that a rename
publishes.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, Final

from jobs.record import check_job_id, is_job_id

_CHUNK: Final = 1 << 20


class Variant(StrEnum):
    """What a finished job offers."""

    VIDEO = "video"
    AUDIO = "audio"
    MIDI = "midi"
    CURVE = "curve"
    REPORT = "report"


_VARIANTS: Final = frozenset(variant.value for variant in Variant)


class UploadTooLargeError(Exception):
    """The upload is over the limit."""


class ArtifactStore:
    """Files by job id. Ids are checked, so that no request can reach outside the root."""

    def __init__(self, root: Path) -> None:
        """Makes the folders under ``root``; OSError when that cannot be done."""
        self._incoming = root / "incoming"
        self._work = root / "work"
        self._jobs = root / "jobs"
        for folder in (self._incoming, self._work, self._jobs):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextmanager
    def receive(self, source: IO[bytes], limit: int) -> Iterator[Path]:
        """The upload as a file, gone when the block ends unless ``keep_upload`` has taken it.

        UploadTooLargeError past ``limit`` bytes.
        """
        with tempfile.NamedTemporaryFile(dir=self._incoming, delete=False) as part:
            path = Path(part.name)
            try:
                _copy(source, part, limit)
                part.flush()
                yield path
            finally:
                path.unlink(missing_ok=True)

    def keep_upload(self, received: Path, job_id: str) -> None:
        """Makes a received file the job's upload, in one rename."""
        folder = self._folder(job_id)
        folder.mkdir(mode=0o700)
        try:
            received.rename(folder / "upload")
        except OSError:
            folder.rmdir()
            raise

    def upload(self, job_id: str) -> Path:
        """Where the job's upload is."""
        return self._folder(job_id) / "upload"

    @contextmanager
    def workspace(self, job_id: str) -> Iterator[Path]:
        """An empty folder for a worker, removed with all it holds when the block ends."""
        with tempfile.TemporaryDirectory(dir=self._work, prefix=f"{check_job_id(job_id)}-") as folder:
            yield Path(folder)

    def publish(self, job_id: str, files: Mapping[str, Path]) -> None:
        """Makes ``files`` (variant: path in a workspace) the job's result, all of them in one rename.

        ValueError when a name is no variant or a file is missing: then nothing is published.
        """
        staged = Path(tempfile.mkdtemp(dir=self._work, prefix=f"{check_job_id(job_id)}-"))
        try:
            for name, path in files.items():
                if name not in _VARIANTS or not path.is_file():
                    raise ValueError(f"the artifact {name!r} at {path} is no file of a known variant")
                path.rename(staged / f"{name}{path.suffix}")
            result = self._folder(job_id) / "result"
            if result.exists():  # an attempt that was lost after publishing and before its record said so
                shutil.rmtree(result)
            staged.rename(result)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise

    def artifacts(self, job_id: str) -> dict[Variant, Path]:
        """The published files of a job."""
        result = self._folder(job_id) / "result"
        found = sorted(result.iterdir()) if result.is_dir() else []
        return {Variant(path.stem): path for path in found}

    def remove(self, job_id: str) -> None:
        """Deletes all files of a job; nothing happens when there are none."""
        folder = self._folder(job_id)
        if folder.exists():
            shutil.rmtree(folder)

    def check_writable(self) -> None:
        """OSError when nothing can be written."""
        with tempfile.TemporaryFile(dir=self._incoming) as probe:
            probe.write(b"v2m")
            probe.flush()

    def sweep(self, is_known: Callable[[str], bool], min_age_s: float) -> list[str]:
        """Removes what nobody owns and what has not been touched for ``min_age_s``; returns the ids of removed jobs.

        Those are job folders whose record has expired, and what processes that died left in incoming and work.
        """
        limit = time.time() - min_age_s
        for leftover in [*self._incoming.iterdir(), *self._work.iterdir()]:
            if _age_mark(leftover) < limit:
                _delete(leftover)
        gone = [
            folder.name
            for folder in self._jobs.iterdir()
            if is_job_id(folder.name) and _age_mark(folder) < limit and not is_known(folder.name)
        ]
        for job_id in gone:
            self.remove(job_id)
        return gone

    def _folder(self, job_id: str) -> Path:
        return self._jobs / check_job_id(job_id)


def _copy(source: IO[bytes], target: IO[bytes], limit: int) -> None:
    total = 0
    while chunk := source.read(_CHUNK):
        total += len(chunk)
        if total > limit:
            raise UploadTooLargeError
        target.write(chunk)


def _age_mark(path: Path) -> float:
    """When it was last changed; now, for one that another process has just removed."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
