"""Messages between the caller and its sandbox: one line of JSON, then as many raw bytes as it announces."""

import json
import logging
from collections.abc import Mapping
from typing import Final

from model_core.media.types import MediaError

log = logging.getLogger(__name__)

HEADER_MAX_BYTES: Final = 64 * 1024

Header = dict[str, object]


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
