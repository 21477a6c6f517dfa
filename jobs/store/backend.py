"""What the artifact store needs of the place where its files are, a disk or a bucket."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Entry:
    """One file or folder: its key, its size in bytes (0 for a folder), and the Unix time of its last change."""

    key: str
    bytes: int
    changed: float


class Files(Protocol):
    """Files by key, such as ``<job>/upload``. Every method raises StoreError, or one of its kinds, and nothing else."""

    def put(self, key: str, path: Path) -> None:
        """Takes a scratch file in. It is whole and lasts when this returns; otherwise nothing of it is there."""

    def put_all(self, folder: str, files: Mapping[str, Path]) -> None:
        """Takes scratch files in as ``folder/<name>``; StoreError when one of them fails: then none is there."""

    def local(self, key: str) -> AbstractContextManager[Path]:
        """A path on this machine to read the file from; MissingArtifactError."""

    def read(self, key: str, start: int, stop: int) -> Generator[bytes]:
        """The bytes from ``start`` up to ``stop`` in chunks; MissingArtifactError before the first one."""

    def names(self, folder: str) -> list[str]:
        """What is directly in a folder; nothing when there is no such folder."""

    def remove(self, key: str) -> None:
        """Removes a file, or a folder with all that is in it; nothing happens when there is none."""

    def entries(self) -> Iterator[Entry]:
        """Everything there is, in no order. What comes or goes meanwhile may be in it or not."""

    def check_writable(self) -> None:
        """StoreError when nothing can be written."""

    def free_bytes(self) -> int | None:
        """Room left on the disk; None for what is no disk."""

    def close(self) -> None:
        """Ends its connections."""
