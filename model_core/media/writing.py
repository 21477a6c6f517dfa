"""Writing of scored videos and WAV files. A file appears under its name only when it is complete."""

import os
import secrets
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.media.sandbox.messages import protocol_error
from model_core.media.sandbox.parent import Sandbox
from model_core.media.types import DEFAULT_LIMITS, OUTPUT_SUFFIXES, MediaError, MediaLimits

SAMPLE_RATES: Final = (44100, 48000)
_BLOCK: Final = 1 << 16
_SOUND_BYTES_PER_SECOND: Final = 30_000  # 192 kb/s and a quarter more for overhead
_INDEX_BYTES: Final = 16 << 20  # more than MP4 needs for the largest number of packets


def mux(
    video: Path, audio: NDArray[np.float32], sample_rate: int, out: Path, limits: MediaLimits = DEFAULT_LIMITS
) -> None:
    """Write a video with new sound: the video packets bit for bit, and ``audio`` as AAC at 192 kb/s.

    Only the video stream is kept: sound, subtitles, chapters and tags of the source are dropped. The first shown
    picture and the first sample are both at 0, and the sound is cut, or padded with silence, to the video's length.
    In ``.mp4`` and ``.mov`` the index comes first, so that playback starts before the download ends.

    Pictures that an edit list hides at the start stay hidden in ``.mp4`` and ``.mov``. ``.mkv`` and ``.wmv`` have no
    edit list: there they are shown, with silence, for some tenths of a second before the video begins. No container can
    hide pictures between two cuts that later pictures need for decoding; each is shown for one tick.

    Args:
        video: the source.
        audio: samples, shape (2, N), clipped to -1..1.
        sample_rate: 44100 or 48000 Hz.
        out: path of the result, .mp4, .m4v, .mov, .mkv or .wmv. An existing file is replaced when the result is
            complete; it may be the source itself.
        limits: resource limits.

    Raises:
        ValueError: samples that are not finite, another shape or another sample rate.
        MediaError: the video cannot be read; code ``container`` when the container of ``out`` cannot hold its codec.
        OSError: ``out`` cannot be written. No partial file is left after an error.
    """
    check_audio(audio)
    if sample_rate not in SAMPLE_RATES:
        raise ValueError(f"sample_rate is {sample_rate}; it must be 44100 or 48000 Hz")
    suffix = out.suffix.lower()
    if suffix not in OUTPUT_SUFFIXES:
        detail = f"The name of the result must end in {', '.join(OUTPUT_SUFFIXES)}, not in {suffix or 'no suffix'}."
        raise MediaError(detail, "container", field="out")
    with replace_when_complete(out) as beside:
        arguments = {"suffix": suffix, "sample_rate": sample_rate, "samples": audio.shape[1]}
        with Sandbox("mux", arguments, _limits_of_result(video, limits), source=video, out=beside) as sandbox:
            for start in range(0, audio.shape[1], _BLOCK):
                block = np.ascontiguousarray(audio[:, start : start + _BLOCK].T, dtype=np.float32)
                if not sandbox.send(block.data.cast("B")):
                    break  # the video is shorter than the sound, or was refused; the answer says which
            header, _ = sandbox.receive()
        # The result is not probed: that would cost another child, and a compromised child could pass it anyway.
        if header.get("kind") != "end" or not beside.stat().st_size:
            raise protocol_error(ValueError(f"no result and an answer of the kind {header.get('kind')!r:.100}"))


def _limits_of_result(video: Path, limits: MediaLimits) -> MediaLimits:
    """Limits with ``file_bytes`` lowered to the size of the video's packets and the longest sound."""
    packets = video.stat().st_size if video.is_file() else 0
    # A start code of three bytes becomes a length field of four, before a unit of one byte or more.
    most = packets * 5 // 4 + round(limits.max_duration_s * _SOUND_BYTES_PER_SECOND) + _INDEX_BYTES
    return replace(limits, file_bytes=min(limits.file_bytes, most))


def write_wav(path: Path, audio: NDArray[np.float32], sample_rate: int) -> None:
    """Write (2, N) samples as a 16-bit PCM WAV file, rounded and clipped to -1..1. Errors as for mux."""
    check_audio(audio)
    samples = np.clip(np.rint(audio.T * 32767.0), -32768, 32767).astype("<i2")
    with replace_when_complete(path) as beside, wave.open(str(beside), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.tobytes())


def check_audio(audio: NDArray[np.float32]) -> None:
    """Raise ValueError unless ``audio`` is finite and of shape (2, N)."""
    if audio.ndim != 2 or audio.shape[0] != 2:
        raise ValueError(f"audio has the shape {audio.shape}; it must be (2, samples)")
    if not np.isfinite(audio).all():
        raise ValueError("audio has samples that are not finite numbers")


@contextmanager
def replace_when_complete(path: Path) -> Iterator[Path]:
    """Temporary file beside ``path``, renamed to ``path`` at the end of the block, or removed after an error."""
    # Without the name of the path, which may already be as long as the system allows.
    beside = path.absolute().parent / f".v2m-{secrets.token_hex(8)}{path.suffix}"
    # Created here with usual permissions, so that the error for a missing or unwritable folder names it.
    os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
