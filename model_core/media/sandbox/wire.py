"""The messages between the caller and its sandbox: one line of JSON, then as many raw bytes as it announces."""

import json
import logging
from collections.abc import Mapping
from typing import Final

from model_core.media.types import MediaError

log = logging.getLogger(__name__)

HEADER_MAX_BYTES: Final = 64 * 1024

Header = dict[str, object]


def pack(header: Mapping[str, object], payload: bytes | memoryview = b"") -> bytes:
    """The header's line; ``bytes`` in it says how long the payload is that the sender writes next."""
    return json.dumps({**header, "bytes": len(payload)}, separators=(",", ":")).encode() + b"\n"


def unpack(line: bytes) -> tuple[Header, int]:
    """Header and payload length of one line; ValueError if it is not what ``pack`` writes."""
    try:
        header = json.loads(line)
    except RecursionError as error:
        raise ValueError("a message's header is nested too deeply") from error
    if not isinstance(header, dict):
        raise ValueError("a message's header is a JSON object")
    size = header.pop("bytes", None)
    if not isinstance(size, int) or size < 0:
        raise ValueError("a message's header gives the length of its payload")
    return header, size


def astray(error: Exception) -> MediaError:
    """The error for a message that no sound child sends."""
    log.warning("the media sandbox broke its protocol: %s", error)
    return MediaError("The file cannot be read: the decoder sent invalid data.", "unreadable")
