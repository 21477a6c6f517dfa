"""Uploads that are streamed from the disk and report their progress."""

import io
import os
from collections.abc import Callable
from pathlib import Path

OnBytes = Callable[[int, int | None], None]
"""Called as (bytes so far, total bytes or None if unknown). Starts again at 0 if the transfer is repeated."""


class CountedFile(io.FileIO):
    """A file that reports how much of it has been read. OSError if it cannot be opened."""

    def __init__(self, path: Path, on_read: OnBytes | None) -> None:
        super().__init__(path, "rb")
        self._on_read = on_read
        self._size = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """See io.FileIO."""
        data = super().read(-1 if size is None else size) or b""
        if data and self._on_read is not None:
            self._on_read(self.tell(), self._size)
        return data
