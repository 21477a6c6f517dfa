"""Opening an untrusted file: which formats may be read at all, and which of its streams is the video."""

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

from model_core.media.sandbox.child.channel import Source, reason
from model_core.media.types import MediaError, MediaLimits

VIDEO_FORMATS: Final = ("mov", "mp4", "matroska", "webm", "avi", "mpeg", "mpegts", "flv", "asf", "ogg", "mxf")
_SOUND_FORMATS: Final = ("wav", "mp3", "flac", "aac", "aiff")  # music to learn from; never a video
_WHITELIST: Final = ",".join((*VIDEO_FORMATS, "m4a", "3gp", "3g2", "mj2", *_SOUND_FORMATS))
_PLAYLISTS: Final = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"<MPD", b"<smil", b"<asx", b"<ASX", b"v=0\n", b"v=0\r\n")
_SIGNATURES: Final = (  # (offset, bytes) of files that are a video, so that a damaged one is called damaged
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
def opened(source: Source, limits: MediaLimits) -> Iterator[InputContainer]:
    """The file as a container of a whitelisted format; MediaError if it is anything else.

    A playlist in a video's name would make FFmpeg open the files that it lists: only formats that hold their own
    data are whitelisted, and no protocol at all, for the file is open already.
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
        # Tags are often in an encoding of their own; that alone makes no file unreadable.
        container = av.open(source.opened(), "r", options=options, metadata_errors="replace")
    except MemoryError:
        raise
    except (FFmpegError, ValueError) as error:
        if any(head[at:].startswith(mark) for at, mark in _SIGNATURES):
            raise MediaError(f"The file is damaged or incomplete: {reason(error)}.", "unreadable") from error
        names = "MP4, MOV, Matroska, WebM, AVI, MPEG, TS, FLV, WMV, Ogg, MXF"
        raise MediaError(f"The file is not a video in a known format ({names}).", "not_a_video") from error
    with container:
        yield container


def pick_video(container: InputContainer, limits: MediaLimits) -> VideoStream:
    """The video stream: the default one, then the one with most pixels. A cover picture is no video.

    Its decoder is told the largest picture before it sees a packet, so that it refuses also a huge picture that
    the header hides. MediaError no_video_stream, too_large_picture, or unreadable for a codec without a decoder.
    """
    unmoving = Disposition.attached_pic | Disposition.timed_thumbnails
    streams = [stream for stream in container.streams.video if not stream.disposition & unmoving]
    if not streams:
        raise MediaError(
            f"The file has no video stream{', only sound' if container.streams.audio else ''}.", "no_video_stream"
        )
    if any(stream.codec_context is None for stream in streams):
        raise MediaError("The video's codec is not supported.", "unreadable")
    stream = max(streams, key=lambda one: (bool(one.disposition & Disposition.default), one.width * one.height))
    if not stream.width or not stream.height:  # neither header nor first pictures say it, and no muxer takes it so
        raise MediaError("The video does not contain the size of its pictures.", "unreadable")
    check_picture(stream.width, stream.height, limits)
    stream.codec_context.options = {"max_pixels": str(limits.max_pixels)}
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = _DECODER_THREADS
    return stream


def pick_audio(container: InputContainer) -> AudioStream | None:
    """The audio stream that a player would choose, or None."""
    known = [stream for stream in container.streams.audio if stream.codec_context is not None]
    return max(known, key=lambda one: bool(one.disposition & Disposition.default), default=None)


def check_picture(width: int, height: int, limits: MediaLimits) -> None:
    """MediaError too_large_picture when the coded picture has more than ``limits.max_pixels``."""
    if width * height > limits.max_pixels:
        detail = f"The video's pictures have {width} x {height} pixels; the limit is {limits.max_pixels} pixels."
        raise MediaError(detail, "too_large_picture")


def decoded(packets: "Iterable[Packet[VideoStream]]", stream: VideoStream, limits: MediaLimits) -> Iterator[VideoFrame]:
    """The pictures in the order of time. A packet that cannot be decoded is passed over, as players do."""
    count = 0
    for packet in chain(packets, [None]):  # None asks the decoder for its rest
        try:
            pictures = stream.codec_context.decode(packet)
        except MemoryError:
            raise
        except av.error.EOFError:
            return
        except FFmpegError:  # decoders return whatever error number they like for data that they do not understand
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
