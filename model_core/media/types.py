"""Types of model_core.media: limits, answers and its one error."""

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
    """The file cannot be used; ``code`` is one of MediaCode and ``detail`` says the cause or the limit.

    The field is ``video``, save for ``container``: then it is ``out``, whose suffix names a container that cannot
    hold the video's codec.
    """

    def __init__(self, detail: str, code: MediaCode, field: str = "video") -> None:
        super().__init__(field, detail, code)


LEAST_MEMORY_BYTES: Final = 256 << 20


@dataclass(frozen=True)
class MediaLimits:
    """What one call may cost. All of it holds for the child process alone, never for the caller's.

    Attributes:
        max_duration_s: longest video, in seconds.
        max_pixels: largest coded picture, width times height (a little over 4K by default).
        max_frames: most packets and most pictures that are looked at.
        wall_s: seconds that the caller waits for the child in all; the caller's own work between two batches of
            frames does not count.
        cpu_s: seconds of processor time, all threads together.
        memory_bytes: address space of the child.
        file_bytes: largest file that mux may write; the other calls may write none.
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
    """What probe found in a video.

    Attributes:
        duration: seconds from the first shown picture to the end of the last, taken from the packets (the header
            is not believed).
        width, height: pixels as displayed: pixel aspect ratio and rotation applied.
        rotation: degrees that a player turns the coded picture clockwise: 0, 90, 180 or 270.
        fps: pictures per second on average.
        variable_frame_rate: whether the distances of the pictures differ by more than their rounding.
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
    """Up to 64 pictures in the order of time.

    Attributes:
        rgb: (N, size, size, 3), the whole displayed picture squeezed to a square, rotation applied, no crop.
        times: (N,) seconds from the first shown picture, each a multiple of 1/rate.
        changed: (N,) seconds; when, between the instant before and this one, the picture changed most, to the
            frame: a cut's own pts, whatever the rate. The middle where nothing changed; 0 for the first instant.
    """

    rgb: NDArray[np.uint8]
    times: NDArray[np.float64]
    changed: NDArray[np.float64]
