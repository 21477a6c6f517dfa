"""The child's end of the pipes."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Self

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
