"""The operation ``digest``: one hash over what the video packets carry."""

import hashlib
import re
from collections.abc import Iterator
from typing import Final

from model_core.media.demux.source import opened, pick_video
from model_core.media.demux.timeline import kept_packets, scan
from model_core.media.sandbox.child.channel import Channel, Source
from model_core.media.types import MediaLimits

_START_CODE: Final = re.compile(rb"\x00\x00\x01")


def digest(channel: Channel, limits: MediaLimits, source: Source) -> None:
    """Send the sha256 of the payload of the video packets that a result keeps.

    H.264 and HEVC pictures are made of NAL units, which MP4 and Matroska mark by their lengths, TS and AVI by start
    codes. Only the marks change from container to container, so the units are hashed without them.
    """
    total = hashlib.sha256()
    timeline = scan(source, limits)
    with opened(source, limits) as container:
        stream = pick_video(container, limits)
        extradata = stream.codec_context.extradata or b""
        has_units = stream.codec_context.codec.canonical_name in ("h264", "hevc")
        length_bytes = _length_bytes(stream.codec_context.codec.canonical_name, extradata) if has_units else 0
        for packet in kept_packets(container, stream, timeline):
            payload = bytes(packet)
            if not has_units:
                total.update(payload)
                continue
            for unit in _by_length(payload, length_bytes) if length_bytes else _by_start_code(payload):
                total.update(unit)
    channel.send({"kind": "digest", "sha256": total.hexdigest()})


def _length_bytes(codec: str, extradata: bytes) -> int:
    """Bytes of a unit's length, from the avcC or hvcC record; 0 when units are marked by start codes."""
    if len(extradata) < 23 and not (codec == "h264" and len(extradata) >= 7):
        return 0
    if extradata[0] != 1:
        return 0
    return (extradata[4] if codec == "h264" else extradata[21]) % 4 + 1


def _by_length(payload: bytes, length_bytes: int) -> Iterator[bytes]:
    at = 0
    while at + length_bytes <= len(payload):
        size = int.from_bytes(payload[at : at + length_bytes], "big")
        yield payload[at + length_bytes : at + length_bytes + size].rstrip(b"\x00")
        at += length_bytes + size


def _by_start_code(payload: bytes) -> Iterator[bytes]:
    # A unit never ends in a zero byte: zeros before a start code are padding.
    for unit in _START_CODE.split(payload)[1:]:
        yield unit.rstrip(b"\x00")
