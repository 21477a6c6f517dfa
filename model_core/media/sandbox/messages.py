"""Messages between the caller and its sandbox, and the child's ends of the pipes and files.

A message is one line of JSON, then as many raw bytes as it announces.
"""

import errno
import io
import json
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final, Self

from model_core.media.types import MediaError

log = logging.getLogger(__name__)

HEADER_MAX_BYTES: Final = 64 * 1024

Header = dict[str, object]
_FARTHEST: Final = 1 << 62
_NOT_IMPLEMENTED: Final = 0x45574150  # FFmpeg's AVERROR_PATCHWELCOME; its own text is meant for programmers


def pack(header: Mapping[str, object], payload: bytes | memoryview = b"") -> bytes:
    """Line of a header; its field ``bytes`` is the length of the payload that follows."""
    return json.dumps({**header, "bytes": len(payload)}, separators=(",", ":")).encode() + b"\n"


def unpack(line: bytes) -> tuple[Header, int]:
    """Header and payload length of one line; ValueError for a line that ``pack`` would not write."""
    try:
        header = json.loads(line)
    except RecursionError as error:
        raise ValueError("the header is nested too deeply") from error
    if not isinstance(header, dict):
        raise ValueError("the header is not a JSON object")
    size = header.pop("bytes", None)
    if not isinstance(size, int) or size < 0:
        raise ValueError("the header does not give the length of the payload")
    return header, size


def protocol_error(error: Exception) -> MediaError:
    """Log a message that violates the protocol, and return the error to raise for it."""
    log.warning("the media sandbox broke its protocol: %s", error)
    return MediaError("The file cannot be read: the decoder sent invalid data.", "unreadable")


@dataclass(frozen=True)
class Channel:
    """The child's ends of the pipes: messages to the caller, and bytes from it."""

    incoming: BinaryIO
    outgoing: BinaryIO

    @classmethod
    def on_standard_streams(cls) -> Self:
        """Reserve stdout for messages; output that libraries print there goes to stderr."""
        outgoing = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        return cls(sys.stdin.buffer, outgoing)

    def read_line(self) -> bytes:
        """Read the line of the request."""
        return self.incoming.readline(HEADER_MAX_BYTES)

    def read(self, size: int) -> bytes:
        """Read exactly ``size`` bytes; EOFError if the caller closed the pipe early, which means that it died."""
        data = self.incoming.read(size)
        if len(data) < size:
            raise EOFError("the caller sent fewer bytes than it announced")
        return data

    def send(self, header: Mapping[str, object], payload: bytes | memoryview = b"") -> None:
        """Send one message without buffering."""
        self.outgoing.write(pack(header, payload))
        self.outgoing.write(payload)
        self.outgoing.flush()


@dataclass(frozen=True)
class Source:
    """The untrusted file.

    Attributes:
        fd: open for reading.
        name: last part of its path, whose suffix helps FFmpeg to recognize the format.
    """

    fd: int
    name: str

    def open_file(self) -> "OpenFile":
        """File object at the start of the file, for PyAV."""
        return OpenFile(self.fd, self.name)


class OpenFile:
    """File object with a position of its own, so that several can use one descriptor; has the methods that PyAV needs.

    Failures return the negative errno, as FFmpeg's own files do. An exception would end the reading of a damaged file
    that seeks to an impossible position, where FFmpeg continues, and would hide behind a second one when a result is
    closed.
    """

    def __init__(self, fd: int, name: str) -> None:
        self.name = name
        self._fd, self._at = fd, 0

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes."""
        data = os.pread(self._fd, size, self._at)
        self._at += len(data)
        return data

    def write(self, data: bytes) -> int:
        """Write all bytes; returns their number, or a negative errno."""
        left = memoryview(data)
        while left:  # at the file size limit a write is partial, and only the next one fails
            try:
                written = os.pwrite(self._fd, left, self._at)
            except OSError as error:
                return -(error.errno or errno.EIO)
            self._at += written
            left = left[written:]
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Change the position; returns the new one, or a negative errno."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: os.fstat(self._fd).st_size}[whence]
        if not 0 <= start + offset < _FARTHEST:
            return -errno.EINVAL
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """Position in bytes."""
        return self._at

    def close(self) -> None:
        """Do nothing: the descriptor stays open for the next reader."""


def describe_error(error: Exception) -> str:
    """Text of a system or FFmpeg error for the sender of the file. Other errors' texts are for the log only."""
    number = getattr(error, "errno", None)
    if number == _NOT_IMPLEMENTED:
        return "it uses a feature that the decoder does not support"
    text = getattr(error, "strerror", None)
    if not text and isinstance(number, int) and number > 0:
        text = os.strerror(number)
    return text or "the decoder failed on it"
