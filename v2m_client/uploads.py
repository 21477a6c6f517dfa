"""A video on its way to the API: read from the disk piece by piece, and counted."""

import io
import os
from collections.abc import Callable
from pathlib import Path

OnBytes = Callable[[int, int | None], None]
"""Called as (bytes so far, bytes in all); all is None where nobody says. Starts again at 0 when all is sent again."""


class CountedFile(io.FileIO):
    """A file that tells how much of it has been read. OSError when it cannot be opened."""

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
