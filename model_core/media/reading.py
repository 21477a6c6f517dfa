"""Reading videos: each function starts one sandbox and hands on what comes out of it."""

import errno
import math
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.media.sandbox import answers
from model_core.media.sandbox.answers import BATCH, Confinement
from model_core.media.sandbox.parent import Sandbox
from model_core.media.sandbox.wire import astray
from model_core.media.types import DEFAULT_LIMITS, PROBE_LIMITS, FrameBatch, MediaLimits, VideoInfo
from model_core.media.writing import output_suffix

_LARGEST_SIZE: Final = 1024
_LARGEST_RATE: Final = 240.0
_LARGEST_SOUND_BLOCK: Final = 64 << 20


def probe(path: Path, limits: MediaLimits = PROBE_LIMITS) -> VideoInfo:
    """What is in the video. All its packets are read, and its first picture is decoded.

    Raises:
        MediaError: for a file that cannot be scored; see MediaCode.
    """
    with Sandbox("probe", {}, limits, source=path) as sandbox:
        header, _ = sandbox.receive()
    info = answers.video_info(header, limits)
    output_suffix(info)  # a video that could not be written in the end is better refused now
    return info


def frames(
    path: Path, rate: float, size: int, limits: MediaLimits = DEFAULT_LIMITS
) -> Generator[FrameBatch, None, None]:
    """The picture on screen at 0, 1/rate, 2/rate ... seconds, in batches of up to 64, while the video lasts.

    Times are the grid's own instants, counted from the first shown picture. A cut at second c is therefore seen
    first at the earliest instant that is not before c: late by less than 1/rate, and never early. The child decodes
    only a few batches ahead, so memory does not grow with the video.

    Args:
        path: the video.
        rate: instants per second, above 0 and up to 240; the video's own rate may be higher, lower or variable.
        size: side of the square in pixels, 1 to 1024.
        limits: what reading may cost.

    Raises:
        ValueError: at once, for a rate or size out of range.
        MediaError: while iterating. Closing the iterator early ends the child process, and so does the end of the
            thread that took the first batch: the others have to be taken by the same one.
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
                    raise astray(ValueError("a video of no picture"))
                return
            rgb, changed = answers.pictures(header, payload, size, most - first)
            yield FrameBatch(rgb, np.arange(first, first + len(rgb)) / rate, changed)
            first += len(rgb)


def read_audio(path: Path, sample_rate: int = 44100, limits: MediaLimits = DEFAULT_LIMITS) -> NDArray[np.float32]:
    """The sound of a video or sound file, resampled to stereo: (2, N) float32, nominally within -1..1.

    Raises:
        MediaError: no_audio_stream, or what probe raises.
    """
    if not 8000 <= sample_rate <= 192_000:
        raise ValueError(f"sample_rate is {sample_rate}; it must be 8000 to 192000 Hz")
    # Two long buffers, and no list of the blocks: a child in wrong hands could send millions of one sample each.
    left, right = bytearray(), bytearray()
    with closing(_sound_blocks(path, sample_rate, limits)) as blocks:
        for block in blocks:
            left += block[0].tobytes()
            right += block[1].tobytes()
    if not left:
        raise astray(ValueError("sound of no sample"))
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
    """What a sound file says about its music: any of description, comment, genre, mood, bpm, key.

    Each on one line and cut to some length; a tag that is missing or blank is left out.

    Raises:
        MediaError: no_audio_stream, or what probe raises.
    """
    with Sandbox("read_tags", {}, limits, source=path) as sandbox:
        header, _ = sandbox.receive()
    return answers.tags(header)


def video_packets_digest(path: Path, limits: MediaLimits = DEFAULT_LIMITS) -> str:
    """Hex sha256 over the payload of the video packets, the same for the same pictures in another container."""
    with Sandbox("digest", {}, limits, source=path) as sandbox:
        header, _ = sandbox.receive()
    return answers.digest(header)


def confinement() -> Confinement:
    """Start a sandbox process that reads nothing, and ask it by which means it is confined on this system.

    Raises:
        OSError: when it cannot be started or confined at all; then no file is ever read.
    """
    with Sandbox("nothing", {}, PROBE_LIMITS) as sandbox:
        sandbox.receive()
    if sandbox.confinement is None:
        raise OSError(errno.EPROTO, "the sandbox did not tell how it is confined")
    return sandbox.confinement
