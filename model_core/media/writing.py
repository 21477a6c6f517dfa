"""Writing of the scored video and of sound files, complete or not at all, and the choice of the container."""

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

from model_core.media.sandbox.parent import Sandbox
from model_core.media.sandbox.wire import astray
from model_core.media.types import DEFAULT_LIMITS, MediaError, MediaLimits, VideoInfo

SAMPLE_RATES: Final = (44100, 48000)
_BLOCK: Final = 1 << 16
_SOUND_BYTES_PER_SECOND: Final = 30_000  # 192 kb/s, and a quarter for what the encoder adds
_INDEX_BYTES: Final = 16 << 20  # more than MP4 needs for the most packets that are read


def mux(
    video: Path, audio: NDArray[np.float32], sample_rate: int, out: Path, limits: MediaLimits = DEFAULT_LIMITS
) -> None:
    """Write ``out``: the video's packets bit for bit, and ``audio`` as AAC at 192 kb/s.

    Only the video stream is kept: sound, subtitles, chapters and tags of the source are left out. Its first shown
    picture and the first sample are both at 0, and the sound is cut, or padded with silence, to the video's length.
    In ``.mp4`` and ``.mov`` the index comes first, so that playing starts before the download ends.

    What an edit list hides before the first shown picture stays hidden in ``.mp4`` and ``.mov``. ``.mkv`` and ``.wmv``
    have no edit list: there it is seen, and heard as silence, for some tenths of a second before the video begins.
    Between two cuts no container can hide what the pictures after the second one need: it takes a tick for each.

    Args:
        video: the source.
        audio: (2, N) samples; beyond -1..1 they are clipped.
        sample_rate: 44100 or 48000 Hz.
        out: the result, .mp4, .m4v, .mov, .mkv or .wmv; an old file of that name is replaced at the end, and it may be
            the source itself.
        limits: what it may cost.

    Raises:
        ValueError: for samples that are not finite numbers in two rows, or another sample rate.
        MediaError: for a video that cannot be read; ``container`` when ``out``'s kind cannot hold its codec.
        OSError: when ``out`` cannot be written. Nothing is left behind in either case.
    """
    check_audio(audio)
    if sample_rate not in SAMPLE_RATES:
        raise ValueError(f"sample_rate is {sample_rate}; it must be 44100 or 48000 Hz")
    suffix = out.suffix.lower()
    if suffix not in OUTPUT_SUFFIXES:
        detail = f"The name of the result must end in {', '.join(OUTPUT_SUFFIXES)}, not in {suffix or 'no suffix'}."
        raise MediaError(detail, "container", field="out")
    with replacing(out) as beside:
        arguments = {"suffix": suffix, "sample_rate": sample_rate, "samples": audio.shape[1]}
        with Sandbox("mux", arguments, _limits_of_result(video, limits), source=video, out=beside) as sandbox:
            for start in range(0, audio.shape[1], _BLOCK):
                block = np.ascontiguousarray(audio[:, start : start + _BLOCK].T, dtype=np.float32)
                if not sandbox.send(block.data.cast("B")):
                    break  # the video is shorter than the sound, or it was refused: the answer says which
            header, _ = sandbox.receive()
        # No look into the result: it would cost a child more for each video, and show nothing that a child in wrong
        # hands could not write as well.
        if header.get("kind") != "end" or not beside.stat().st_size:
            raise astray(ValueError(f"no result, and an answer of the kind {header.get('kind')!r:.100}"))


def _limits_of_result(video: Path, limits: MediaLimits) -> MediaLimits:
    """The limits, with no more bytes for the result than the video's packets and a sound as long as it may be take."""
    packets = video.stat().st_size if video.is_file() else 0
    # A unit's start code of three bytes becomes a length of four before its one byte or more.
    most = packets * 5 // 4 + round(limits.max_duration_s * _SOUND_BYTES_PER_SECOND) + _INDEX_BYTES
    return replace(limits, file_bytes=min(limits.file_bytes, most))


def write_wav(path: Path, audio: NDArray[np.float32], sample_rate: int) -> None:
    """Write (2, N) samples as a 16-bit PCM WAV file, rounded and clipped to its range. Errors as in mux."""
    check_audio(audio)
    samples = np.clip(np.rint(audio.T * 32767.0), -32768, 32767).astype("<i2")
    with replacing(path) as beside, wave.open(str(beside), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.tobytes())


def check_audio(audio: NDArray[np.float32]) -> None:
    """ValueError unless ``audio`` is (2, N) of finite numbers."""
    if audio.ndim != 2 or audio.shape[0] != 2:
        raise ValueError(f"audio has the shape {audio.shape}; it must be (2, samples)")
    if not np.isfinite(audio).all():
        raise ValueError("audio holds samples that are not finite numbers")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file beside ``path`` that takes its name when the block ends well, and is removed when it does not."""
    # Not made of the name, which may be as long as a name can be.
    beside = path.absolute().parent / f".v2m-{secrets.token_hex(8)}{path.suffix}"
    # Made here, so that a folder that is missing or closed is told by name, with the usual permissions of new files.
    os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


OUTPUT_SUFFIXES: Final = (".mp4", ".m4v", ".mov", ".mkv", ".wmv")

_HOLDERS: Final = {
    ".mp4": ("h264", "hevc", "av1", "vp9", "mpeg4", "mpeg1video", "mpeg2video"),
    ".mov": (
        *("prores", "dnxhd", "mjpeg", "qtrle", "rawvideo", "dvvideo", "cfhd"),
        *("svq1", "svq3", "h263", "png", "cinepak", "jpeg2000"),
    ),
    ".mkv": ("vp8", "theora", "ffv1", "rv40"),
    ".wmv": ("wmv1", "wmv2", "wmv3", "vc1", "msmpeg4v2", "msmpeg4v3", "flv1"),
}
_SUFFIX_OF: Final = {codec: suffix for suffix, codecs in _HOLDERS.items() for codec in codecs}


def output_suffix(info: VideoInfo) -> str:
    """The container that can hold the video's packets beside AAC sound.

    ``.mp4`` wherever it can, as browsers play it and its times are exact; VP9 and AV1 too, for ``.webm`` holds no
    AAC. ``.mov`` for the codecs of editing programs and old cameras, ``.mkv`` for the free ones that MP4 lacks,
    ``.wmv`` for Windows Media and old Flash. Times in the last two are rounded to milliseconds.

    Raises:
        MediaError: code ``codec``, for a codec that none of them holds; probe refuses such a video already.
    """
    suffix = _SUFFIX_OF.get(info.video_codec)
    if suffix is None:
        detail = f"The video's codec, {info.video_codec}, cannot be combined with new sound. Convert it to H.264 first."
        raise MediaError(detail, "codec")
    return suffix
