"""Files in the making, on the local disk: each process has its own folder, and what a dead one left is swept up."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, TypeVar

import structlog

from jobs.infra.process_identity import is_gone
from jobs.store.errors import translated

log: Final = structlog.get_logger(__name__)
_CHUNK: Final = 1 << 20
_MIN_AGE_S: Final = 24 * 3600.0
_OURS: Final[set[str]] = (
    set()
)  # owners within this process: a process number equal to ours is not always a predecessor's
T = TypeVar("T")


class UploadTooLargeError(Exception):
    """The upload is over the limit."""


class Scratch:
    """Temporary files and folders under ``root/<owner>``, gone when their blocks end."""

    def __init__(self, root: Path, owner: str) -> None:
        """``owner`` is a name of ``jobs.infra.process_identity.new_name``. Makes ``root``; StoreError when that cannot be done."""
        self._root = root
        self._own = root / owner
        self._owner = owner
        _OURS.add(owner)
        with translated(f"The folder {root} for temporary files cannot be created"):
            root.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextmanager
    def file(self, source: IO[bytes], limit: int, each: Callable[[bytes], object] | None = None) -> Iterator[Path]:
        """All of ``source`` as a file; ``each`` is called with every chunk on the way.

        UploadTooLargeError past ``limit`` bytes; StoreFullError, StoreError when it cannot be written.
        """
        with translated("a file in the making cannot be written"):
            handle, name = self._made(lambda: tempfile.mkstemp(dir=self._own, prefix="file-"))
        path = Path(name)
        try:
            with translated("a file in the making cannot be written"), os.fdopen(handle, "wb") as target:
                _copy(source, target, limit, each)
            yield path
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def folder(self, prefix: str) -> Iterator[Path]:
        """An empty folder, removed with all that is in it; StoreError when it cannot be made."""
        with translated("a folder in the making cannot be made"):
            path = Path(self._made(lambda: tempfile.mkdtemp(dir=self._own, prefix=f"{prefix}-")))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def check_writable(self) -> None:
        """StoreError when nothing can be written."""
        with translated("nothing can be written"):
            handle, name = self._made(lambda: tempfile.mkstemp(dir=self._own, prefix="check-"))
            try:
                with os.fdopen(handle, "wb") as probe:
                    probe.write(b"v2m")
            finally:
                Path(name).unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Room left on the disk; StoreError when it cannot be asked."""
        with translated("the disk's room cannot be asked"):
            return shutil.disk_usage(self._root).free

    def sweep(self, min_age_s: float = _MIN_AGE_S) -> None:
        """Removes what is left of processes that are gone, and whatever has not been touched for ``min_age_s`` seconds.

        StoreError when the root cannot be read. A folder within that cannot be, or be removed, is logged and left.
        """
        limit = time.time() - min_age_s
        with translated("the files in the making cannot be looked through"):
            owners = [path for path in self._root.iterdir() if path.is_dir()]
        for owner in owners:
            try:
                self._sweep_one(owner, limit)
            except OSError as error:  # another user's, say: in the way of nobody else's
                log.warning("scratch_not_swept", folder=owner.name, error=str(error))

    def _sweep_one(self, owner: Path, limit: float) -> None:
        gone = owner.name not in _OURS and is_gone(owner.name, self._owner)
        for path in _entries(owner):
            if gone or _newest(path) < limit:
                _delete(path)
        if gone or (owner != self._own and _newest(owner) < limit):
            _delete_empty(owner)

    def _made(self, make: Callable[[], T]) -> T:
        """What ``make`` returns, with our folder there: another process may sweep it up while it is empty."""
        for _ in range(2):
            self._own.mkdir(exist_ok=True, mode=0o700)
            try:
                return make()
            except FileNotFoundError:
                continue
        return make()


def _copy(source: IO[bytes], target: IO[bytes], limit: int, each: Callable[[bytes], object] | None) -> None:
    total = 0
    while chunk := source.read(_CHUNK):
        total += len(chunk)
        if total > limit:
            raise UploadTooLargeError
        target.write(chunk)
        if each is not None:
            each(chunk)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:  # swept up by another process
        return []


def _newest(path: Path) -> float:
    """When anything within was last changed; now, for what another process has just removed."""
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
