"""Storage backend of the artifact store: the protocol that a disk or a bucket implements, and the errors it raises."""

import errno
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class StoreError(Exception):
    """The store does not work. The user's input is not at fault, and another try may succeed."""


class StoreFullError(StoreError):
    """There is no room: on the disk, within the quota, or below the limit of one file's size."""


class MissingArtifactError(StoreError):
    """The file does not exist."""


@dataclass(frozen=True)
class Entry:
    """One file or folder: its key, its size in bytes (0 for a folder), and the Unix time of its last change."""

    key: str
    bytes: int
    changed: float


class Files(Protocol):
    """Files by key, such as ``<job>/upload``. Every method raises StoreError or a subclass, and nothing else."""

    def put(self, key: str, path: Path) -> None:
        """Moves a scratch file in. On return the file is complete and durable; after an error nothing is left of it."""

    def put_all(self, folder: str, files: Mapping[str, Path]) -> None:
        """Moves scratch files in as ``folder/<name>``; after a StoreError for one of them none is there."""

    def local(self, key: str) -> AbstractContextManager[Path]:
        """A local path to read the file from; MissingArtifactError."""

    def read(self, key: str, start: int, stop: int) -> Generator[bytes]:
        """The bytes from ``start`` up to ``stop`` in chunks; MissingArtifactError before the first one."""

    def names(self, folder: str) -> list[str]:
        """Names directly in a folder; empty when there is no such folder."""

    def remove(self, key: str) -> None:
        """Removes a file, or a folder with its contents; does nothing when there is none."""

    def entries(self) -> Iterator[Entry]:
        """All files and folders, in no order; changes during the iteration may or may not be included."""

    def check_writable(self) -> None:
        """StoreError when nothing can be written."""

    def free_bytes(self) -> int | None:
        """Free bytes on the disk; None for a backend that is not a disk."""

    def close(self) -> None:
        """Closes the connections."""


def is_full(error: OSError) -> bool:
    """True when the system refused to write because there is no room."""
    return error.errno in _FULL


def from_os_error(error: OSError, what: str) -> StoreError:
    """A StoreError, or StoreFullError, whose message is ``what`` and the reason that the system gave."""
    kind = StoreFullError if is_full(error) else StoreError
    return kind(f"{what}: {error.strerror or error}")


@contextmanager
def translate_os_errors(what: str) -> Iterator[None]:
    """Turns an OSError of the block into a StoreError whose message begins with ``what``."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error, what) from error
