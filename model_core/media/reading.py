"""Reading of videos and sound files; each call runs in a sandbox process of its own."""

import errno
import math
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.media.sandbox import answers
from model_core.media.sandbox.answers import BATCH
from model_core.media.sandbox.confinement import Confinement
from model_core.media.sandbox.messages import protocol_error
from model_core.media.sandbox.parent import Sandbox
from model_core.media.types import DEFAULT_LIMITS, PROBE_LIMITS, FrameBatch, MediaLimits, VideoInfo, output_suffix

_LARGEST_SIZE: Final = 1024
_LARGEST_RATE: Final = 240.0
_LARGEST_SOUND_BLOCK: Final = 64 << 20


def probe(path: Path, limits: MediaLimits = PROBE_LIMITS) -> VideoInfo:
    """Read the properties of a video from all its packets, and decode its first picture.

    Raises:
        MediaError: the file cannot be scored; see MediaCode.
    """
    with Sandbox("probe", {}, limits, source=path) as sandbox:
        header, _ = sandbox.receive()
    info = answers.video_info(header, limits)
    output_suffix(info)  # a video that cannot be written at the end is refused now
    return info


def frames(
    path: Path, rate: float, size: int, limits: MediaLimits = DEFAULT_LIMITS
) -> Generator[FrameBatch, None, None]:
    """Pictures on screen at 0, 1/rate, 2/rate ... seconds, in batches of up to 64, until the end of the video.

    Times are counted from the first shown picture. A cut at second c first appears at the earliest instant that is not
    before c: less than 1/rate late, and never early. The child decodes only a few batches ahead, so memory does not
    grow with the video.

    Closing the iterator early ends the child process. So does the end of the thread that took the first batch: take
    all batches in one thread.

    Args:
        path: the video.
        rate: instants per second, above 0 and up to 240; the video's own rate may be higher, lower or variable.
        size: side of the square in pixels, 1 to 1024.
        limits: resource limits.

    Raises:
        ValueError: at once, for a rate or size out of range.
        MediaError: while iterating, for a video that cannot be read.
    """
    if not 0 < rate <= _LARGEST_RATE:
        raise ValueError(f"rate is {rate}; it must be above 0 and at most {_LARGEST_RATE:g} per second")
    if not 1 <= size <= _LARGEST_SIZE:
        raise ValueError(f"size is {size}; it must be 1 to {_LARGEST_SIZE} pixels")
    return _frames(path, rate, size, limits)


def _frames(path: Path, rate: float, size: int, limits: MediaLimits) -> Generator[FrameBatch, None, None]:
    most = math.ceil(limits.max_duration_s * rate)
    largest = BATCH * size * size * 3
    arguments = {"rate": rate, "size": size}
    with Sandbox("frames", arguments, limits, source=path, largest_payload=largest) as sandbox:
        first = 0
        while True:
            header, payload = sandbox.receive()
            if header.get("kind") == "end":
                if not first:
                    raise protocol_error(ValueError("a video without pictures"))
                return
            rgb, changed = answers.pictures(header, payload, size, most - first)
            yield FrameBatch(rgb, np.arange(first, first + len(rgb)) / rate, changed)
            first += len(rgb)


def read_audio(path: Path, sample_rate: int = 44100, limits: MediaLimits = DEFAULT_LIMITS) -> NDArray[np.float32]:
    """Read the sound of a video or sound file as stereo samples, shape (2, N), nominally within -1..1.

    Args:
        path: the file.
        sample_rate: rate to resample to, 8000 to 192000 Hz.
        limits: resource limits.

    Raises:
        ValueError: the sample rate is out of range.
        MediaError: no_audio_stream, or as for probe.
    """
    if not 8000 <= sample_rate <= 192_000:
        raise ValueError(f"sample_rate is {sample_rate}; it must be 8000 to 192000 Hz")
    # Two long buffers instead of a list of blocks: a compromised child could send millions of tiny blocks.
    left, right = bytearray(), bytearray()
    with closing(_sound_blocks(path, sample_rate, limits)) as blocks:
        for block in blocks:
            left += block[0].tobytes()
            right += block[1].tobytes()
    if not left:
        raise protocol_error(ValueError("sound without samples"))
    return np.stack([np.frombuffer(row, dtype=np.float32) for row in (left, right)])


def _sound_blocks(path: Path, sample_rate: int, limits: MediaLimits) -> Generator[NDArray[np.float32], None, None]:
    left = math.floor(limits.max_duration_s * sample_rate)
    arguments = {"sample_rate": sample_rate}
    with Sandbox("read_audio", arguments, limits, source=path, largest_payload=_LARGEST_SOUND_BLOCK) as sandbox:
        while True:
            header, payload = sandbox.receive()
            if header.get("kind") == "end":
                return
            samples = answers.sound(header, payload, left)
            left -= samples.shape[1]
            yield samples


def read_tags(path: Path, limits: MediaLimits = PROBE_LIMITS) -> dict[str, str]:
    """Read the tags of a sound file: any of description, comment, genre, mood, bpm and key.

    Each tag is on one line and cut to a maximal length; missing and blank tags are omitted.

    Raises:
        MediaError: no_audio_stream, or as for probe.
    """
    with Sandbox("read_tags", {}, limits, source=path) as sandbox:
        header, _ = sandbox.receive()
    return answers.tags(header)


def video_packets_digest(path: Path, limits: MediaLimits = DEFAULT_LIMITS) -> str:
    """Hexadecimal sha256 of the video packets' payloads; the same for the same pictures in any container."""
    with Sandbox("digest", {}, limits, source=path) as sandbox:
        header, _ = sandbox.receive()
    return answers.digest(header)


def confinement() -> Confinement:
    """Start a sandbox process that reads nothing, and report how it is confined on this system.

    Raises:
        OSError: it cannot be started or confined at all; then no file can be read.
    """
    with Sandbox("nothing", {}, PROBE_LIMITS) as sandbox:
        sandbox.receive()
    if sandbox.confinement is None:
        raise OSError(errno.EPROTO, "the sandbox did not report how it is confined")
    return sandbox.confinement
