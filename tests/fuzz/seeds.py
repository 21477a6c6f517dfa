"""Sound files to damage: a second of the bundled clip in every container that is accepted, in many codecs.

The same name gives the same bytes, so that a damaged file can be made again from its name.
"""

import functools
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from model_core.assets import asset
from tests.video_factory import rotated

SIZE: Final = (176, 144)  # the one that H.263 knows, too
_RATE: Final = 25
_NEAR_A_CUT: Final = 60  # pictures of the clip that are passed over


@dataclass(frozen=True)
class Recipe:
    """How one file is made.

    Attributes:
        container: FFmpeg's name of the muxer.
        codec: encoder of the pictures.
        sound: encoder of the sound; None for none.
        pictures: how many; fewer for codecs that need much room.
        options: of the encoder.
        layout: options of the muxer.
        variable: whether the pictures' distances vary.
        rotation: degrees clockwise in the display matrix.
        rate: of the sound in Hz.
    """

    container: str
    codec: str
    sound: str | None = None
    pictures: int = 30
    pixels: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    layout: dict[str, str] = field(default_factory=dict)
    variable: bool = False
    rotation: int = 0
    rate: int = 48000


os.environ.setdefault("SVT_LOG", "1")  # the AV1 encoder talks past FFmpeg's log; 1: of errors alone
_X264: Final = {"preset": "veryfast", "threads": "1", "qp": "32", "bf": "2", "g": "12"}
_FRAGMENTS: Final = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
_VPX: Final = {"deadline": "realtime", "cpu-used": "8", "crf": "45", "b": "100k"}
_MPEG: Final = {"qscale": "12", "g": "10"}

RECIPES: Final[dict[str, Recipe]] = {
    "mp4": Recipe("mp4", "libx264", "aac", options=_X264),
    "mp4-silent": Recipe("mp4", "libx264", options={**_X264, "bf": "0"}),
    "mp4-fragments": Recipe("mp4", "libx264", "aac", options=_X264, layout=_FRAGMENTS),
    "mp4-rotated": Recipe("mp4", "libx264", "aac", options=_X264, layout={"movflags": "faststart"}, rotation=90),
    "mp4-variable": Recipe("mp4", "libx264", options=_X264, variable=True),
    "mp4-hevc": Recipe(
        "mp4", "libx265", "aac", 15, options={"preset": "ultrafast", "x265-params": "log-level=none:pools=none:crf=38"}
    ),
    "mp4-av1": Recipe("mp4", "libsvtav1", None, 12, options={"preset": "12", "crf": "55", "svtav1-params": "lp=1"}),
    "mp4-mpeg4": Recipe("mp4", "mpeg4", "aac", options=_MPEG),
    "mov-prores": Recipe("mov", "prores_ks", "pcm_s16le", 3, "yuv422p10le", options={"profile": "0"}, rate=8000),
    "mov-mjpeg": Recipe("mov", "mjpeg", "pcm_s16le", 12, "yuvj420p", options={"qscale": "20"}, rate=8000),
    "mov-qtrle": Recipe("mov", "qtrle", None, 2, "rgb24"),
    "mov-h263": Recipe("mov", "h263", "aac", options=_MPEG),
    "mkv": Recipe("matroska", "libx264", "libopus", options=_X264),
    "mkv-variable": Recipe("matroska", "libx264", None, options=_X264, variable=True),
    "mkv-ffv1": Recipe("matroska", "ffv1", "flac", 2, options={"level": "3", "slices": "4", "threads": "1"}),
    "mkv-hevc": Recipe(
        "matroska", "libx265", "aac", 15, options={"preset": "ultrafast", "x265-params": "log-level=none:pools=none"}
    ),
    "webm": Recipe("webm", "libvpx-vp9", "libopus", options=_VPX),
    "webm-vp8": Recipe("webm", "libvpx", "libopus", options=_VPX),
    "avi": Recipe("avi", "mpeg4", "libmp3lame", options=_MPEG),
    "avi-mjpeg": Recipe("avi", "mjpeg", "pcm_s16le", 12, "yuvj420p", options={"qscale": "20"}, rate=8000),
    "avi-cinepak": Recipe("avi", "cinepak", None, 2, "rgb24"),
    "mpg": Recipe("mpeg", "mpeg1video", "mp2", options=_MPEG),
    "mpg-dvd": Recipe("dvd", "mpeg2video", "mp2", options=_MPEG),
    "ts": Recipe("mpegts", "libx264", "aac", options=_X264),
    "ts-mpeg2": Recipe("mpegts", "mpeg2video", "mp2", options=_MPEG),
    "flv": Recipe("flv", "libx264", "aac", options=_X264),
    "flv-old": Recipe("flv", "flv", "libmp3lame", options=_MPEG, rate=44100),
    "wmv": Recipe("asf", "wmv2", "wmav2", options=_MPEG, rate=44100),
    "wmv-msmpeg4": Recipe("asf", "msmpeg4", None, options=_MPEG),
    "ogv": Recipe("ogg", "libvpx", "libopus", options=_VPX),
    "mxf": Recipe("mxf", "mpeg2video", "pcm_s16le", 12, options={**_MPEG, "qscale": "25"}),
}
"""By name; what stands before the hyphen is the container."""


def container_of(name: str) -> str:
    """``mkv`` of ``mkv-ffv1``."""
    return name.partition("-")[0]


def suffix_of(name: str) -> str:
    """Suffix that such a file usually has."""
    return "." + container_of(name)


@functools.cache
def seed_file(name: str) -> bytes:
    """The file of that name in RECIPES."""
    return made(RECIPES[name])


def made(recipe: Recipe) -> bytes:
    """Encodes a file."""
    layout = {"fflags": "+bitexact", **recipe.layout}
    with tempfile.NamedTemporaryFile() as file, av.open(file.name, "w", recipe.container, layout) as container:
        video = _picture_stream(container, recipe)
        sound = _sound_stream(container, recipe) if recipe.sound else None
        for pts, picture in zip(_times(recipe), clip_pictures()[: recipe.pictures], strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=recipe.pixels)
            frame.pts, frame.time_base = pts, Fraction(1, 1000) if recipe.variable else Fraction(1, _RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            _write_tone(container, sound, recipe)
        container.close()
        data = file.read()
    return rotated(data, SIZE, recipe.rotation) if recipe.rotation else data


@functools.cache
def clip_pictures() -> tuple[NDArray[np.uint8], ...]:
    """30 pictures of the bundled clip round one of its cuts, (144, 176, 3) each."""
    with av.open(str(asset("demo/montage.mp4"))) as container:
        pictures: list[NDArray[np.uint8]] = []
        for number, frame in enumerate(container.decode(video=0)):
            if number >= _NEAR_A_CUT:
                pictures.append(np.asarray(frame.reformat(*SIZE, "rgb24").to_ndarray(), np.uint8))
            if len(pictures) == 30:
                break
    return tuple(pictures)


def _times(recipe: Recipe) -> Sequence[int]:
    if not recipe.variable:
        return range(recipe.pictures)
    steps = np.random.default_rng(1).integers(20, 70, recipe.pictures - 1)
    return [0, *np.cumsum(steps).tolist()]


def _picture_stream(container: Any, recipe: Recipe) -> Any:
    stream = container.add_stream(recipe.codec, rate=_RATE, options=recipe.options)
    stream.width, stream.height, stream.pix_fmt = *SIZE, recipe.pixels
    stream.codec_context.time_base = Fraction(1, 1000) if recipe.variable else Fraction(1, _RATE)
    stream.codec_context.thread_count = 1
    stream.codec_context.flags |= 1 << 23  # AV_CODEC_FLAG_BITEXACT: no version of the encoder in the stream
    return stream


def _sound_stream(container: Any, recipe: Recipe) -> Any:
    mono = recipe.sound == "pcm_s16le" and recipe.container != "mxf"
    stream = container.add_stream(recipe.sound, rate=recipe.rate, layout="mono" if mono else "stereo")
    if recipe.sound != "pcm_s16le":
        stream.bit_rate = 64_000
    return stream


def _write_tone(container: Any, stream: Any, recipe: Recipe) -> None:
    count = round(recipe.pictures / _RATE * recipe.rate)
    wave = (3000 * np.sin(2 * np.pi * 440 * np.arange(count) / recipe.rate)).astype(np.int16)
    resampler = av.AudioResampler(stream.format, stream.layout, recipe.rate, frame_size=stream.frame_size or None)
    frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = recipe.rate, 0, Fraction(1, recipe.rate)
    for given in (frame, None):
        for part in resampler.resample(given):
            container.mux(stream.encode(part))
    container.mux(stream.encode(None))
