"""Storage backend on a local disk. Files are published by a rename, and synced to the disk before that counts."""

import os
import shutil
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from jobs.store.backend import Entry, MissingArtifactError, StoreError, from_os_error, translate_os_errors
from jobs.store.scratch import Scratch

_CHUNK: Final = 256 * 1024
_TRIES: Final = 3


class LocalFiles:
    """See ``jobs.store.backend.Files``. The scratch folder must be on the same file system."""

    def __init__(self, root: Path, scratch: Scratch) -> None:
        """Creates the folder if needed; StoreError when that fails."""
        self._root = root
        self._scratch = scratch
        with translate_os_errors(f"The store's folder {root} cannot be created"):
            root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, key: str, path: Path) -> None:
        """See ``Files.put``."""
        with translate_os_errors("the file cannot be stored"):
            _sync(path)
            self._move_in(path, self._root / key)

    def put_all(self, folder: str, files: Mapping[str, Path]) -> None:
        """See ``Files.put_all``."""
        with self._scratch.folder("publish") as work, translate_os_errors("the files cannot be stored"):
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
        with translate_os_errors("the file cannot be read"):
            is_there = path.is_file()
        if not is_there:
            raise self._missing(key)
        yield path

    def read(self, key: str, start: int, stop: int) -> Generator[bytes]:
        """See ``Files.read``. The file stays open, so it can be read to its end even when it is removed meanwhile."""
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
        with translate_os_errors("the folder cannot be read"), suppress(FileNotFoundError):
            return [path.name for path in (self._root / folder).iterdir()]
        return []

    def remove(self, key: str) -> None:
        """See ``Files.remove``; also removes parent folders that are empty after that."""
        path = self._root / key
        with translate_os_errors("the file cannot be removed"):
            _remove(path)
            for parent in path.relative_to(self._root).parents[:-1]:
                try:
                    (self._root / parent).rmdir()
                except OSError:  # not empty, or removed by another process
                    break

    def entries(self) -> Iterator[Entry]:
        """See ``Files.entries``."""
        folders = [self._root]
        while folders:
            with translate_os_errors("the store cannot be scanned"):
                for found in _scan(folders.pop()):
                    with suppress(FileNotFoundError):  # removed in the meantime
                        stat = found.stat(follow_symlinks=False)
                        is_folder = found.is_dir(follow_symlinks=False)
                        key = os.path.relpath(found.path, self._root)
                        yield Entry(key, 0 if is_folder else stat.st_size, stat.st_mtime)
                        if is_folder:
                            folders.append(Path(found.path))

    def check_writable(self) -> None:
        """See ``Files.check_writable``."""
        if not os.access(self._root, os.R_OK | os.W_OK | os.X_OK):
            raise StoreError(f"The store's folder {self._root} does not exist or is not writable.")
        self._scratch.check_writable()

    def free_bytes(self) -> int:
        """See ``Files.free_bytes``."""
        with translate_os_errors("the free space of the disk cannot be read"):
            return shutil.disk_usage(self._root).free

    def close(self) -> None:
        """See ``Files.close``; there are no connections."""

    def _missing(self, key: str) -> StoreError:
        """MissingArtifactError for one missing file; StoreError when the whole store is, as with an unmounted disk."""
        if self._root.is_dir():
            return MissingArtifactError(f"{key} is not in the store")
        return StoreError("the store's folder is not there")

    def _move_in(self, path: Path, target: Path) -> None:
        """Renames ``path`` to ``target`` durably; removes ``target`` again when the sync fails."""
        for left in reversed(range(_TRIES)):
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                path.rename(target)
                break
            except FileNotFoundError:  # another process removed the parent folder while it was empty
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
    """Removes a file or a folder if it exists; another process may remove it at the same time."""
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
    """Flushes the contents of a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
