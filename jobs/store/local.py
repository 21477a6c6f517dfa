"""The store's files on a local disk. A rename publishes; files and folders are synced before they count as taken."""

import os
import shutil
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from jobs.store.backend import Entry
from jobs.store.errors import MissingArtifactError, StoreError, from_os_error, translated
from jobs.store.scratch import Scratch

_CHUNK: Final = 256 * 1024
_TRIES: Final = 3


class LocalFiles:
    """See ``jobs.store.backend.Files``. The scratch must be on the same file system."""

    def __init__(self, root: Path, scratch: Scratch) -> None:
        """Creates the folder; StoreError if that fails."""
        self._root = root
        self._scratch = scratch
        with translated(f"The store's folder {root} cannot be created"):
            root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, key: str, path: Path) -> None:
        """See ``Files.put``."""
        with translated("the file cannot be stored"):
            _sync(path)
            self._move_in(path, self._root / key)

    def put_all(self, folder: str, files: Mapping[str, Path]) -> None:
        """See ``Files.put_all``."""
        with self._scratch.folder("publish") as work, translated("the files cannot be stored"):
            staged = work / "set"
            staged.mkdir(mode=0o700)
            for name, path in files.items():
                path.rename(staged / name)
                _sync(staged / name)
            _sync(staged)
            self.remove(folder)
            self._move_in(staged, self._root / folder)

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """See ``Files.local``: the file itself."""
        path = self._root / key
        with translated("the file cannot be read"):
            is_there = path.is_file()
        if not is_there:
            raise self._missing(key)
        yield path

    def read(self, key: str, start: int, stop: int) -> Generator[bytes]:
        """See ``Files.read``. The file stays open, so that it can be read to its end even when it is removed."""
        try:
            with (self._root / key).open("rb") as source:
                source.seek(start)
                while start < stop:
                    chunk = source.read(min(_CHUNK, stop - start))
                    if not chunk:
                        raise StoreError(f"{key} ends at {start} bytes, before {stop}")
                    start += len(chunk)
                    yield chunk
        except FileNotFoundError:
            raise self._missing(key) from None
        except OSError as error:
            raise from_os_error(error, "the file cannot be read") from error

    def names(self, folder: str) -> list[str]:
        """See ``Files.names``."""
        with translated("the folder cannot be read"), suppress(FileNotFoundError):
            return [path.name for path in (self._root / folder).iterdir()]
        return []

    def remove(self, key: str) -> None:
        """See ``Files.remove``; also removes the folders above that are empty then."""
        path = self._root / key
        with translated("the file cannot be removed"):
            _remove(path)
            for parent in path.relative_to(self._root).parents[:-1]:
                try:
                    (self._root / parent).rmdir()
                except OSError:  # it is not empty, or gone
                    break

    def entries(self) -> Iterator[Entry]:
        """See ``Files.entries``."""
        waiting = [self._root]
        while waiting:
            with translated("the store cannot be looked through"):
                for found in _scan(waiting.pop()):
                    with suppress(FileNotFoundError):  # removed just now
                        stat = found.stat(follow_symlinks=False)
                        is_folder = found.is_dir(follow_symlinks=False)
                        key = os.path.relpath(found.path, self._root)
                        yield Entry(key, 0 if is_folder else stat.st_size, stat.st_mtime)
                        if is_folder:
                            waiting.append(Path(found.path))

    def check_writable(self) -> None:
        """See ``Files.check_writable``."""
        if not os.access(self._root, os.R_OK | os.W_OK | os.X_OK):
            raise StoreError(f"The store's folder {self._root} does not exist or is not writable.")
        self._scratch.check_writable()

    def free_bytes(self) -> int:
        """See ``Files.free_bytes``."""
        with translated("the disk's room cannot be asked"):
            return shutil.disk_usage(self._root).free

    def close(self) -> None:
        """See ``Files.close``: there are none."""

    def _missing(self, key: str) -> StoreError:
        """One file may be missing; where the whole store is, say, its disk is not mounted."""
        if self._root.is_dir():
            return MissingArtifactError(f"{key} is not in the store")
        return StoreError("the store's folder is not there")

    def _move_in(self, path: Path, target: Path) -> None:
        """Renames ``path`` to ``target``, for good; what was made of it is gone again when that fails."""
        for left in reversed(range(_TRIES)):
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                path.rename(target)
                break
            except FileNotFoundError:  # our folder was removed while it was empty
                if not left:
                    raise
        try:
            for folder in (target.parent, *target.parent.relative_to(self._root).parents):
                _sync(self._root / folder)
        except OSError:
            _remove(target)
            raise


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except FileNotFoundError:
        return []


def _remove(path: Path) -> None:
    """Removes a file or a folder, if it is there; another process may be at it, too."""
    for left in reversed(range(_TRIES)):
        try:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            return
        except (FileNotFoundError, NotADirectoryError):
            if not left:
                raise


def _sync(path: Path) -> None:
    """Has the disk take what was written to a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
