"""Scratch files on the local disk: one folder per process; the folders of dead processes are swept up."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, TypeVar

import structlog

from jobs.infra.processes import is_gone
from jobs.store.backend import translate_os_errors

log: Final = structlog.get_logger(__name__)
_CHUNK: Final = 1 << 20
_MIN_AGE_S: Final = 24 * 3600.0
# Owners within this process: a worker name with this process's number does not always belong to a predecessor.
_OWN_NAMES: Final[set[str]] = set()
T = TypeVar("T")


class UploadTooLargeError(Exception):
    """The upload is larger than the limit."""


class Scratch:
    """Temporary files and folders under ``root/<owner>``, removed when their blocks end."""

    def __init__(self, root: Path, owner: str) -> None:
        """Creates ``root`` if needed; StoreError when that fails.

        ``owner``: a name from ``jobs.infra.processes.new_name``.
        """
        self._root = root
        self._own = root / owner
        self._owner = owner
        _OWN_NAMES.add(owner)
        with translate_os_errors(f"The folder {root} for temporary files cannot be created"):
            root.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextmanager
    def file(self, source: IO[bytes], limit: int, on_chunk: Callable[[bytes], object] | None = None) -> Iterator[Path]:
        """Copies all of ``source`` to a file; calls ``on_chunk`` with every chunk.

        UploadTooLargeError past ``limit`` bytes; StoreFullError, StoreError when it cannot be written.
        """
        with translate_os_errors("a temporary file cannot be written"):
            handle, name = self._create(lambda: tempfile.mkstemp(dir=self._own, prefix="file-"))
        path = Path(name)
        try:
            with translate_os_errors("a temporary file cannot be written"), os.fdopen(handle, "wb") as target:
                _copy(source, target, limit, on_chunk)
            yield path
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def folder(self, prefix: str) -> Iterator[Path]:
        """An empty folder, removed with its contents; StoreError when it cannot be created."""
        with translate_os_errors("a temporary folder cannot be created"):
            path = Path(self._create(lambda: tempfile.mkdtemp(dir=self._own, prefix=f"{prefix}-")))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def check_writable(self) -> None:
        """StoreError when nothing can be written."""
        with translate_os_errors("nothing can be written"):
            handle, name = self._create(lambda: tempfile.mkstemp(dir=self._own, prefix="check-"))
            try:
                with os.fdopen(handle, "wb") as probe:
                    probe.write(b"v2m")
            finally:
                Path(name).unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Free bytes on the disk; StoreError when they cannot be read."""
        with translate_os_errors("the free space of the disk cannot be read"):
            return shutil.disk_usage(self._root).free

    def sweep(self, min_age_s: float = _MIN_AGE_S) -> None:
        """Removes the files of processes that have ended, and all files unchanged for ``min_age_s`` seconds.

        StoreError when the root cannot be read. A folder within that cannot be read or removed is logged and skipped.
        """
        limit = time.time() - min_age_s
        with translate_os_errors("the temporary files cannot be listed"):
            owners = [path for path in self._root.iterdir() if path.is_dir()]
        for owner in owners:
            try:
                self._sweep_one(owner, limit)
            except OSError as error:  # for example another user's; the other folders are still swept
                log.warning("scratch_not_swept", folder=owner.name, error=str(error))

    def _sweep_one(self, owner: Path, limit: float) -> None:
        gone = owner.name not in _OWN_NAMES and is_gone(owner.name, self._owner)
        for path in _entries(owner):
            if gone or _newest(path) < limit:
                _delete(path)
        if gone or (owner != self._own and _newest(owner) < limit):
            _delete_empty(owner)

    def _create(self, create: Callable[[], T]) -> T:
        """Calls ``create`` with the own folder in place, since another process may sweep it up while it is empty."""
        for _ in range(2):
            self._own.mkdir(exist_ok=True, mode=0o700)
            try:
                return create()
            except FileNotFoundError:
                continue
        return create()


def _copy(source: IO[bytes], target: IO[bytes], limit: int, on_chunk: Callable[[bytes], object] | None) -> None:
    total = 0
    while chunk := source.read(_CHUNK):
        total += len(chunk)
        if total > limit:
            raise UploadTooLargeError
        target.write(chunk)
        if on_chunk is not None:
            on_chunk(chunk)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:  # swept up by another process
        return []


def _newest(path: Path) -> float:
    """Unix time of the last change of anything within; the current time when another process has just removed it."""
    try:
        newest = path.lstat().st_mtime
        inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
        return max([newest, *(entry.lstat().st_mtime for entry in inside)])
    except FileNotFoundError:
        return time.time()


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _delete_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # in use again, or gone
        return
