"""Small videos made on the spot, with known cuts, and files that only pretend to be videos."""

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

PlaylistMaker = Callable[[Path, Path], Path]
"""Called as (path of the playlist, the file that it names)."""

TICKS_PER_SECOND = 12_800
"""Time base of the generated pictures; divisible by 25 and fine enough for variable rates."""


def make_clip(
    path: Path,
    cuts: Sequence[float] = (),
    duration: float = 2.0,
    fps: float = 25.0,
    size: tuple[int, int] = (160, 120),
    seed: int = 0,
    codec: str = "libx264",
    motion: bool = True,
    audio: bool = False,
    vfr: bool = False,
    rotation: int = 0,
    static: bool = False,
    b_frames: int = 2,
) -> Path:
    """Encode a clip whose first picture of a new shot is the first at or after each second in ``cuts``.

    Args:
        path: where; the suffix chooses the container.
        cuts: seconds at which another shot begins.
        duration: seconds.
        fps: pictures per second (on average, for ``vfr``).
        size: width and height as coded, even numbers.
        seed: chooses palettes, textures and the variable distances.
        codec: FFmpeg's encoder, such as libx264, libvpx-vp9, mpeg4, mpeg2video.
        motion: whether the texture of a shot drifts gently.
        audio: add a quiet tone as long as the video.
        vfr: distances of the pictures between half and one and a half times the usual one.
        rotation: degrees clockwise that a player shall turn the pictures; MP4 and MOV only.
        static: one unchanging grey picture, no shots.
        b_frames: most B pictures in a row, for encoders that have them.
    """
    ticks = picture_ticks(duration, fps, vfr, seed)
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = Fraction(1, TICKS_PER_SECOND) if vfr else 1 / Fraction(video.average_rate)
        if codec in ("libx264", "mpeg4", "mpeg2video"):
            video.codec_context.max_b_frames = b_frames
            video.codec_context.gop_size = 12
        if codec == "libx264":
            # A constant quantiser: the rate control of x264 does not repeat itself to the bit.
            video.options = {"preset": "veryfast", "threads": "1", "qp": "20"}
        sound: Any = container.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=48000) if audio else None
        shots = _Shots(seed, size, motion)
        for number, tick in enumerate(ticks):
            seconds = tick / TICKS_PER_SECOND
            if static:
                rgb = np.full((size[1], size[0], 3), 128, dtype=np.uint8)
            else:
                rgb = shots.picture(sum(cut <= seconds + 1e-6 for cut in cuts), seconds)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            base = video.codec_context.time_base
            frame.pts, frame.time_base = (tick if vfr else number), base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            _add_tone(container, sound, duration)
    if rotation:
        path.write_bytes(rotated(path.read_bytes(), size, rotation))
    return path


def picture_ticks(duration: float, fps: float, vfr: bool = False, seed: int = 0) -> list[int]:
    """When each picture of ``make_clip`` begins, in ticks of 1 / TICKS_PER_SECOND."""
    count = max(1, round(duration * fps))
    usual = TICKS_PER_SECOND / fps
    if not vfr:
        return [round(number * usual) for number in range(count)]
    steps = np.random.default_rng(seed).uniform(0.5, 1.5, count - 1) * usual
    return [0, *(int(tick) for tick in np.cumsum(np.rint(steps)))]


class _Shots:
    """Each shot has its own two colours, stripe direction and stripe width."""

    def __init__(self, seed: int, size: tuple[int, int], motion: bool) -> None:
        self._seed, self._motion = seed, motion
        self._x, self._y = np.meshgrid(np.arange(size[0]) / size[0], np.arange(size[1]) / size[1])

    def picture(self, shot: int, seconds: float) -> NDArray[np.uint8]:
        random = np.random.default_rng((self._seed, shot))
        hue = (shot * 0.37 + random.uniform(0, 0.1)) % 1.0
        dark, bright = _colour(hue, 40.0, 90.0), _colour(hue + 0.15, 120.0, 250.0)
        angle, stripes = random.uniform(0, np.pi), random.uniform(2, 7)
        drift = seconds * 0.15 if self._motion else 0.0
        wave = np.sin(2 * np.pi * (stripes * (self._x * np.cos(angle) + self._y * np.sin(angle)) + drift))
        centre = random.uniform(0.3, 0.7, 2)
        disc = np.hypot(self._x - centre[0] - drift / 10, self._y - centre[1]) < random.uniform(0.1, 0.25)
        mix = np.where(disc, 1.0, 0.35 + 0.25 * wave)[..., None]
        return np.asarray(dark * (1 - mix) + bright * mix, dtype=np.uint8)


def _colour(hue: float, low: float, high: float) -> NDArray[np.float64]:
    thirds = np.cos(2 * np.pi * (hue - np.arange(3) / 3))
    return low + (high - low) * (thirds + 1) / 2


def _add_tone(container: Any, stream: Any, duration: float) -> None:
    frame_size = 960
    for start in range(0, round(duration * 48000), frame_size):
        tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(start, start + frame_size) / 48000)
        stereo = np.stack([tone, tone]).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(stereo, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def rotated(data: bytes, size: tuple[int, int], rotation: int) -> bytes:
    """PyAV writes no display matrix, so the one in the first track header is replaced."""
    width, height = size
    turn = {
        90: (0, 1, -1, 0, height, 0),
        180: (-1, 0, 0, -1, width, height),
        270: (0, -1, 1, 0, 0, width),
    }[rotation]
    a, b, c, d, x, y = (number << 16 for number in turn)
    at = data.index(b"tkhd") + 4
    at += 4 + (20 if data[at] == 0 else 32) + 16  # version and flags, times and ids, layer to volume
    return data[:at] + struct.pack(">9i", a, b, 0, c, d, 0, x, y, 1 << 30) + data[at + 36 :]


def make_sound_only(path: Path, duration: float = 1.0) -> Path:
    """A container with an AAC stream and no picture."""
    with av.open(str(path), "w") as container:
        _add_tone(container, container.add_stream("aac", rate=48000), duration)
    return path


def make_sound_with_cover(path: Path) -> Path:
    """A song with its cover: the picture is a video stream to FFmpeg, but no video."""
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=48000)
        cover: Any = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, dtype=np.uint8), format="rgb24")
        frame.pts = 0
        container.mux(cover.encode(frame))
        container.mux(cover.encode(None))
        _add_tone(container, sound, 1.0)
    return path


def make_without_pictures(path: Path) -> Path:
    """A video track that is declared and has not one packet, beside a second of sound (Matroska keeps such a track)."""
    with av.open(str(path), "w", format="matroska") as container:
        video: Any = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        _add_tone(container, container.add_stream("aac", rate=48000), 1.0)
    return path


def make_empty(path: Path) -> Path:
    """A file of 0 bytes."""
    path.write_bytes(b"")
    return path


def make_concat_playlist(path: Path, target: Path) -> Path:
    """FFmpeg's own playlist: by default it would open ``target``, whatever this file's name is."""
    path.write_text(f"ffconcat version 1.0\nfile '{target}'\n")
    return path


def make_hls_playlist(path: Path, target: Path) -> Path:
    """An HLS playlist with one segment."""
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n")
    return path


def make_truncated(path: Path, source: Path, share: float) -> Path:
    """The first ``share`` of another file."""
    data = source.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def make_huge_picture(path: Path, size: tuple[int, int] = (8000, 8000)) -> Path:
    """One plain picture of very many pixels in a small file."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(*size, "yuv420p")))
        container.mux(stream.encode(None))
    return path


def make_grown_picture(path: Path, small: Path, large: Path) -> Path:
    """The packets of ``small``, then those of ``large``, in one stream whose header tells of the small ones alone.

    Both are AVI files in a codec that repeats its header in the stream, such as mpeg4.
    """
    with av.open(str(path), "w", format="avi") as container:
        copy: Any = None
        written = 0
        for source in (small, large):
            with av.open(str(source)) as opened:
                stream = opened.streams.video[0]
                copy = copy or container.add_stream_from_template(stream, opaque=True)
                for packet in opened.demux(stream):
                    if packet.size:
                        packet.stream, packet.pts, packet.dts = copy, written, written
                        written += 1
                        container.mux(packet)
    return path


def trim_by_edit_list(path: Path, start: float, end: float = 0.0) -> Path:
    """Let the MP4's edit list begin ``start`` seconds later, as a phone's editor does, and stop ``end`` seconds sooner.

    The packets stay.
    """
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 8  # version, flags
    if data[at - 4] != 0 or struct.unpack(">I", data[at : at + 4])[0] != 1:
        raise ValueError("an edit list of version 0 with one entry was expected")
    length, begin = struct.unpack(">Ii", data[at + 4 : at + 12])
    ticks = struct.unpack(">I", data[(mdhd := data.index(b"mdhd")) + 16 : mdhd + 20])[0]
    movie = struct.unpack(">I", data[(mvhd := data.index(b"mvhd")) + 16 : mvhd + 20])[0]
    data[at + 4 : at + 12] = struct.pack(">Ii", length - round((start + end) * movie), begin + round(start * ticks))
    path.write_bytes(data)
    return path
