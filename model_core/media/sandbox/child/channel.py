"""The child's end of the pipes, the files that its caller opened for it, and the text of library errors."""

import errno
import io
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final, Self

from model_core.media.sandbox.wire import HEADER_MAX_BYTES, pack


@dataclass(frozen=True)
class Channel:
    """Messages to the caller, and the bytes that come from it."""

    incoming: BinaryIO
    outgoing: BinaryIO

    @classmethod
    def on_standard_streams(cls) -> Self:
        """Take stdout for messages alone: what a library prints there goes to stderr from now on."""
        outgoing = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        return cls(sys.stdin.buffer, outgoing)

    def read_line(self) -> bytes:
        """The request's line."""
        return self.incoming.readline(HEADER_MAX_BYTES)

    def read(self, size: int) -> bytes:
        """Exactly ``size`` bytes; EOFError if the caller closed the pipe before (it died: so should this process)."""
        data = self.incoming.read(size)
        if len(data) < size:
            raise EOFError("the caller sent less than it announced")
        return data

    def send(self, header: Mapping[str, object], payload: bytes | memoryview = b"") -> None:
        """One message, at once."""
        self.outgoing.write(pack(header, payload))
        self.outgoing.write(payload)
        self.outgoing.flush()


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


_NOT_IMPLEMENTED: Final = 0x45574150  # FFmpeg's AVERROR_PATCHWELCOME; its own words are meant for programmers


def reason(error: Exception) -> str:
    """What the system or FFmpeg says of its own errors. Whatever else an error says is for the log alone."""
    number = getattr(error, "errno", None)
    if number == _NOT_IMPLEMENTED:
        return "it uses something that the decoder does not know"
    said = getattr(error, "strerror", None)
    if not said and isinstance(number, int) and number > 0:
        said = os.strerror(number)
    return said or "the decoder failed on it"
