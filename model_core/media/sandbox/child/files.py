"""Files that the caller opened and handed over: the child opens none itself."""

import errno
import io
import os
from dataclasses import dataclass
from typing import Final

_FARTHEST: Final = 1 << 62


@dataclass(frozen=True)
class Source:
    """The untrusted file.

    Attributes:
        fd: open for reading.
        name: the last part of its path, whose suffix helps FFmpeg to tell formats apart.
    """

    fd: int
    name: str

    def opened(self) -> "OpenFile":
        """The file from its start, as PyAV reads it."""
        return OpenFile(self.fd, self.name)


class OpenFile:
    """A file object with a position of its own, so that several may read and write one descriptor.

    It has what PyAV asks of a file. What fails is answered by the negative errno, as FFmpeg's own files do it: an error
    raised here would end the reading of a damaged file that asks for an impossible position, where FFmpeg goes on, and
    would hide behind a second one when a result is closed.
    """

    def __init__(self, fd: int, name: str) -> None:
        self.name = name
        self._fd, self._at = fd, 0

    def read(self, size: int) -> bytes:
        data = os.pread(self._fd, size, self._at)
        self._at += len(data)
        return data

    def write(self, data: bytes) -> int:
        left = memoryview(data)
        while left:  # at the limit of a file's size less than all is written, and only the next write fails
            try:
                written = os.pwrite(self._fd, left, self._at)
            except OSError as error:
                return -(error.errno or errno.EIO)
            self._at += written
            left = left[written:]
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: os.fstat(self._fd).st_size}[whence]
        if not 0 <= start + offset < _FARTHEST:
            return -errno.EINVAL
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        """Leave the descriptor open for the next reader."""
