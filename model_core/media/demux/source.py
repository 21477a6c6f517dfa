"""Opening of untrusted files: allowed formats, choice of the video stream, and decoding."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Final

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from model_core.media.sandbox.messages import Source, describe_error
from model_core.media.types import MediaError, MediaLimits

VIDEO_FORMATS: Final = ("mov", "mp4", "matroska", "webm", "avi", "mpeg", "mpegts", "flv", "asf", "ogg", "mxf")
_SOUND_FORMATS: Final = ("wav", "mp3", "flac", "aac", "aiff")  # music to train on; never a video
_WHITELIST: Final = ",".join((*VIDEO_FORMATS, "m4a", "3gp", "3g2", "mj2", *_SOUND_FORMATS))
_PLAYLISTS: Final = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"<MPD", b"<smil", b"<asx", b"<ASX", b"v=0\n", b"v=0\r\n")
_SIGNATURES: Final = (  # (offset, bytes) by which a damaged video is recognized as one
    (4, b"ftyp"),
    (4, b"moov"),
    (4, b"mdat"),
    (0, b"\x1aE\xdf\xa3"),
    (8, b"AVI "),
    (0, b"\x00\x00\x01\xba"),
    (0, b"FLV\x01"),
    (0, b"OggS"),
    (0, b"0&\xb2u\x8ef\xcf\x11"),
)
_DECODER_THREADS: Final = 2


@contextmanager
def open_container(source: Source, limits: MediaLimits) -> Iterator[InputContainer]:
    """Open a file as a container of an allowed format.

    A playlist with a video's name would make FFmpeg open the files that it lists. So only formats that contain their
    own data are allowed, and no protocols, since the file is open already.

    Raises:
        MediaError: empty_file, playlist, unreadable, or not_a_video.
    """
    head = os.pread(source.fd, 4096, 0)
    if not head:
        raise MediaError("The file is empty (0 bytes).", "empty_file")
    if _is_playlist(head):
        raise MediaError(
            "The file is a playlist, and the files that it names are not opened. Send the video itself.", "playlist"
        )
    options = {"format_whitelist": _WHITELIST, "protocol_whitelist": "none"}
    try:
        # Tags in an unknown encoding are common and no reason to refuse a file.
        container = av.open(source.open_file(), "r", options=options, metadata_errors="replace")
    except MemoryError:
        raise
    except (FFmpegError, ValueError) as error:
        if any(head[at:].startswith(mark) for at, mark in _SIGNATURES):
            raise MediaError(f"The file is damaged or incomplete: {describe_error(error)}.", "unreadable") from error
        names = "MP4, MOV, Matroska, WebM, AVI, MPEG, TS, FLV, WMV, Ogg, MXF"
        raise MediaError(f"The file is not a video in a known format ({names}).", "not_a_video") from error
    with container:
        yield container


def pick_video(container: InputContainer, limits: MediaLimits) -> VideoStream:
    """Choose the video stream: the default one, then the one with most pixels. Cover pictures do not count.

    The decoder gets the limit of pixels before the first packet, so it also refuses a large picture that the header
    does not announce.

    Raises:
        MediaError: no_video_stream, too_large_picture, or unreadable for a codec without a decoder.
    """
    still = Disposition.attached_pic | Disposition.timed_thumbnails
    streams = [stream for stream in container.streams.video if not stream.disposition & still]
    if not streams:
        raise MediaError(
            f"The file has no video stream{', only sound' if container.streams.audio else ''}.", "no_video_stream"
        )
    if any(stream.codec_context is None for stream in streams):
        raise MediaError("The video's codec is not supported.", "unreadable")
    stream = max(streams, key=lambda one: (bool(one.disposition & Disposition.default), one.width * one.height))
    if not stream.width or not stream.height:  # found neither in the header nor in the first pictures; muxers need it
        raise MediaError("The video does not contain the size of its pictures.", "unreadable")
    check_picture(stream.width, stream.height, limits)
    stream.codec_context.options = {"max_pixels": str(limits.max_pixels)}
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = _DECODER_THREADS
    return stream


def pick_audio(container: InputContainer) -> AudioStream | None:
    """Choose the audio stream that a player would choose; None where there is none."""
    known = [stream for stream in container.streams.audio if stream.codec_context is not None]
    return max(known, key=lambda one: bool(one.disposition & Disposition.default), default=None)


def check_picture(width: int, height: int, limits: MediaLimits) -> None:
    """Raise MediaError too_large_picture when a coded picture has more than ``limits.max_pixels``."""
    if width * height > limits.max_pixels:
        detail = f"The video's pictures have {width} x {height} pixels; the limit is {limits.max_pixels} pixels."
        raise MediaError(detail, "too_large_picture")


def decode_pictures(
    packets: "Iterable[Packet[VideoStream]]", stream: VideoStream, limits: MediaLimits
) -> Iterator[VideoFrame]:
    """Decode packets to pictures in order of time. Packets that cannot be decoded are skipped, as players do.

    Raises:
        MediaError: budget, or too_large_picture.
    """
    count = 0
    for packet in chain(packets, [None]):  # None flushes the decoder
        try:
            pictures = stream.codec_context.decode(packet)
        except MemoryError:
            raise
        except av.error.EOFError:
            return
        except FFmpegError:  # decoders return arbitrary error numbers for data that they cannot read
            continue
        for picture in pictures:
            count += 1
            if count > limits.max_frames:
                raise MediaError(f"The video has more than {limits.max_frames} pictures, the limit.", "budget")
            check_picture(picture.width, picture.height, limits)
            yield picture


def _is_playlist(head: bytes) -> bool:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<?xml"):
        return any(mark in text for mark in _PLAYLISTS if mark.startswith(b"<"))
    return text.startswith(_PLAYLISTS)
