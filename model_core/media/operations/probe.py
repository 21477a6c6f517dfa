"""Operations on a whole file: ``probe``, its properties, and ``digest``, one hash of its video packets."""

import hashlib
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from av.video.frame import VideoFrame

from model_core.media.demux.source import decode_pictures, open_container, pick_audio, pick_video
from model_core.media.demux.timeline import kept_packets, scan
from model_core.media.demux.track import packets
from model_core.media.sandbox.messages import Channel, Source
from model_core.media.types import MediaError, MediaLimits

_MAX_ASPECT: Final = 32


def probe(channel: Channel, limits: MediaLimits, source: Source) -> None:
    """Send one message with the fields of VideoInfo, after decoding the first picture."""
    timeline = scan(source, limits)
    with open_container(source, limits) as container:
        stream = pick_video(container, limits)
        audio = pick_audio(container)
        codec = stream.codec_context.codec.canonical_name
        picture = next(decode_pictures(packets(container, stream), stream, limits), None)
        if picture is None:
            raise MediaError(f"The video's {codec} pictures cannot be decoded.", "unreadable")
        aspect = stream.sample_aspect_ratio or Fraction(1)
        if not 1 <= _MAX_ASPECT * aspect <= _MAX_ASPECT**2:
            aspect = Fraction(1)  # not a real pixel aspect ratio
        width, height = max(1, round(picture.width * aspect)), picture.height
        rotation = clockwise_rotation(picture)
        if rotation in (90, 270):
            width, height = height, width
        channel.send(
            {
                "kind": "info",
                "duration": float(timeline.duration),
                "width": width,
                "height": height,
                "rotation": rotation,
                "fps": float(timeline.frames / timeline.duration),
                "variable_frame_rate": timeline.variable,
                "video_codec": codec,
                "audio_codec": audio.codec_context.codec.canonical_name if audio else None,
                "container": container.format.name,
                "frames": timeline.frames,
            }
        )


def clockwise_rotation(picture: VideoFrame) -> int:
    """Clockwise rotation by the player in degrees, to the nearest quarter; FFmpeg counts counterclockwise."""
    return round(-picture.rotation / 90) % 4 * 90


_START_CODE: Final = re.compile(rb"\x00\x00\x01")


def digest(channel: Channel, limits: MediaLimits, source: Source) -> None:
    """Send the sha256 of the payloads of the video packets that a result keeps.

    H.264 and HEVC pictures consist of NAL units. MP4 and Matroska precede each by its length, TS and AVI by a start
    code. Only these marks differ between containers, so the units are hashed without them.
    """
    total = hashlib.sha256()
    timeline = scan(source, limits)
    with open_container(source, limits) as container:
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
    """Size of a unit's length field in bytes, from the avcC or hvcC record; 0 where units have start codes."""
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
    # A unit never ends with a zero byte; zeros before a start code are padding.
    for unit in _START_CODE.split(payload)[1:]:
        yield unit.rstrip(b"\x00")
