"""Types of model_core.media: limits, results, the one error, and the containers of results."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from model_core.errors import InputError

MediaCode = Literal[
    "not_a_video",
    "unreadable",
    "playlist",
    "no_video_stream",
    "no_audio_stream",
    "no_frames",
    "empty_file",
    "too_long",
    "too_large_picture",
    "codec",
    "budget",
    "container",
]


class MediaError(InputError):
    """A file cannot be used; ``code`` is one of MediaCode and ``detail`` says the cause or the limit.

    The field is ``video``, except for the code ``container``: then it is ``out``, whose suffix names a container that
    cannot hold the video's codec.
    """

    def __init__(self, detail: str, code: MediaCode, field: str = "video") -> None:
        super().__init__(field, detail, code)


LEAST_MEMORY_BYTES: Final = 256 << 20


@dataclass(frozen=True)
class MediaLimits:
    """Resource limits of one call. They apply to the child process, not to the caller.

    Attributes:
        max_duration_s: longest video, in seconds.
        max_pixels: largest coded picture, width times height (a little over 4K by default).
        max_frames: largest number of packets, and of pictures, that are read.
        wall_s: total seconds that the caller waits for the child; the caller's own work between two batches of frames
            does not count.
        cpu_s: processor seconds, summed over all threads.
        memory_bytes: address space of the child, in bytes.
        file_bytes: largest file that mux may write, in bytes; the other calls may not write files.
    """

    max_duration_s: float = 600.0
    max_pixels: int = 4096 * 2304
    max_frames: int = 240_000
    wall_s: float = 900.0
    cpu_s: int = 1800
    memory_bytes: int = 2 << 30
    file_bytes: int = 8 << 30

    def __post_init__(self) -> None:
        if self.memory_bytes < LEAST_MEMORY_BYTES:
            raise ValueError(f"memory_bytes is {self.memory_bytes}; the child needs at least {LEAST_MEMORY_BYTES}")


DEFAULT_LIMITS: Final = MediaLimits()
PROBE_LIMITS: Final = MediaLimits(wall_s=60.0, cpu_s=60)


@dataclass(frozen=True)
class VideoInfo:
    """Properties of a video, as found by probe.

    Attributes:
        duration: seconds from the first shown picture to the end of the last, computed from the packets; the header is
            not trusted.
        width, height: size in pixels as displayed, with pixel aspect ratio and rotation applied.
        rotation: clockwise rotation of the coded picture by the player, in degrees: 0, 90, 180 or 270.
        fps: average number of pictures per second.
        variable_frame_rate: True where the intervals between pictures differ by more than rounding.
        video_codec, audio_codec: FFmpeg's names, such as ``h264``; audio_codec is None for a silent file.
        container: FFmpeg's name of the demuxer, such as ``mov,mp4,m4a,3gp,3g2,mj2``.
        frames: number of shown pictures.
    """

    duration: float
    width: int
    height: int
    rotation: int
    fps: float
    variable_frame_rate: bool
    video_codec: str
    audio_codec: str | None
    container: str
    frames: int | None


@dataclass(frozen=True)
class FrameBatch:
    """Up to 64 pictures in order of time.

    Attributes:
        rgb: the whole displayed picture, rotated and resized to a square without cropping, shape (N, size, size, 3).
        times: seconds from the first shown picture, each a multiple of 1/rate, shape (N,).
        changed: time of the largest change since the previous instant, in seconds, shape (N,). It is exact to the video
            frame, whatever ``rate`` is: for a cut it is the cut's own pts. Where nothing changed it is the middle of
            the interval; for the first instant it is 0.
    """

    rgb: NDArray[np.uint8]
    times: NDArray[np.float64]
    changed: NDArray[np.float64]


OUTPUT_SUFFIXES: Final = (".mp4", ".m4v", ".mov", ".mkv", ".wmv")

_CODECS_BY_SUFFIX: Final = {
    ".mp4": ("h264", "hevc", "av1", "vp9", "mpeg4", "mpeg1video", "mpeg2video"),
    ".mov": (
        *("prores", "dnxhd", "mjpeg", "qtrle", "rawvideo", "dvvideo", "cfhd"),
        *("svq1", "svq3", "h263", "png", "cinepak", "jpeg2000"),
    ),
    ".mkv": ("vp8", "theora", "ffv1", "rv40"),
    ".wmv": ("wmv1", "wmv2", "wmv3", "vc1", "msmpeg4v2", "msmpeg4v3", "flv1"),
}
_SUFFIX_BY_CODEC: Final = {codec: suffix for suffix, codecs in _CODECS_BY_SUFFIX.items() for codec in codecs}


def output_suffix(info: VideoInfo) -> str:
    """Suffix of a container that can hold the video's packets beside AAC sound.

    ``.mp4`` where possible, since browsers play it and its times are exact. That includes VP9 and AV1, because
    ``.webm`` cannot hold AAC. ``.mov`` for the codecs of editing programs and old cameras, ``.mkv`` for the free codecs
    that MP4 does not support, ``.wmv`` for Windows Media and old Flash. The last two round times to milliseconds.

    Raises:
        MediaError: code ``codec``, for a codec that none of them can hold; probe refuses such a video already.
    """
    suffix = _SUFFIX_BY_CODEC.get(info.video_codec)
    if suffix is None:
        detail = f"The video's codec, {info.video_codec}, cannot be combined with new sound. Convert it to H.264 first."
        raise MediaError(detail, "codec")
    return suffix
