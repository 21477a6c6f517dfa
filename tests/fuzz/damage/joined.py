"""Two files in one: polyglots, files one after another, MOV and Matroska that point to other files, odd streams."""

import io
import struct
import tempfile
import zipfile
from pathlib import Path
from random import Random
from typing import Any, Final

import av

from tests import video_factory
from tests.fuzz.canary import CANARY
from tests.fuzz.damage.boxes import boxes, spliced
from tests.fuzz.damage.kinds import Maker
from tests.fuzz.seeds import RECIPES, seed_file

_NAMES: Final = tuple(RECIPES)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def _two_containers(random: Random) -> bytes:
    """Two sound files, one after the other."""
    return seed_file(random.choice(_NAMES)) + seed_file(random.choice(_NAMES))


def _inside_another(random: Random) -> bytes:
    """A whole file in the middle of another."""
    outer, inner = seed_file(random.choice(_NAMES)), seed_file(random.choice(_NAMES))
    at = random.randrange(len(outer))
    return outer[:at] + inner + outer[at:]


def _two_halves(random: Random) -> bytes:
    """The first half of one file and the second half of another."""
    one, other = seed_file(random.choice(_NAMES)), seed_file(random.choice(_NAMES))
    return one[: len(one) // 2] + other[len(other) // 2 :]


def _zip_after_mp4(_random: Random) -> bytes:
    """An MP4 that is a ZIP archive as well."""
    out = io.BytesIO(seed_file("mp4"))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("evil.sh", "rm -rf /")
    return out.getvalue()


def _zip_before_mp4(_random: Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.mp4", seed_file("mp4"))
    return out.getvalue() + seed_file("mp4")


def _html_mp4(random: Random) -> bytes:
    """An MP4 that a browser may take for a page, or FFmpeg for a playlist."""
    words = random.choice((b"<html><script>alert(1)</script>", b"#EXTM3U\n/etc/passwd\n", b"ffconcat version 1.0\n"))
    return _box(b"free", words * 20) + seed_file("mp4")


def _playlist_before_mp4(_random: Random) -> bytes:
    return b"#EXTM3U\n#EXTINF:1,\n" + str(CANARY).encode() + b"\n" + seed_file("mp4")


def _tag_before(random: Random) -> bytes:
    """What players skip as a tag, before something else."""
    rest = random.choice((seed_file("mp4"), b"#EXTM3U\n" + str(CANARY).encode(), seed_file("mkv")))
    return b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10) + rest


def _reference_movie(random: Random) -> bytes:
    """A MOV that holds nothing but where the film is to be had."""
    kind, where = random.choice(
        ((b"url ", f"file://{CANARY}"), (b"url ", "http://127.0.0.1:9/a.mov"), (b"alis", str(CANARY)))
    )
    name = where.encode() + b"\0"
    reference = _box(b"rdrf", bytes(4) + kind + struct.pack(">I", len(name)) + name)
    head = _box(b"ftyp", b"qt  \0\0\0\0qt  ")
    return head + _box(b"moov", _box(b"rmra", _box(b"rmda", reference)))


def _outside_data(random: Random) -> bytes:
    """An MP4 whose samples are said to lie in another file."""
    data = seed_file(random.choice(("mp4", "mov-mjpeg", "mp4-silent")))
    found = next(box for box in boxes(data) if box.kind == b"dref")
    path = str(CANARY).encode()
    alias = bytearray(150)
    alias[0:4], alias[50] = b"\0\0\0\0", min(63, len(path))
    alias[51 : 51 + min(63, len(path))] = path[-63:]
    record = bytes(alias) + struct.pack(">HH", 2, len(path)) + path + b"\0" * (len(path) % 2)
    record += struct.pack(">HH", 18, len(path)) + path + b"\0" * (len(path) % 2) + struct.pack(">HH", 0xFFFF, 0)
    entry = random.choice((_box(b"alis", bytes(4) + record), _box(b"url ", bytes(4) + b"file://" + path + b"\0")))
    return spliced(data, found.start, found.end, _box(b"dref", struct.pack(">II", 0, 1) + entry))


def _from_factory(make: Any, suffix: str) -> Maker:
    def maker(_random: Random) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            made: Path = make(Path(folder) / f"a{suffix}")
            return made.read_bytes()

    return maker


def _subtitles_alone(_random: Random) -> bytes:
    out = io.BytesIO()
    text = io.BytesIO(b"1\n00:00:00,000 --> 00:00:02,000\nA word\n")
    with av.open(text, "r", format="srt") as source, av.open(out, "w", format="matroska") as target:
        stream = source.streams[0]
        copy = target.add_stream_from_template(stream, opaque=True)
        for packet in source.demux(stream):
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    return out.getvalue()


def _grown(random: Random) -> bytes:
    """Small pictures, then large ones, both real, in one stream."""
    size = random.choice(((320, 240), (1920, 1088), (4096, 2400)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = video_factory.make_clip(folder / "small.avi", duration=0.4, codec="mpeg4", b_frames=0)
        large = video_factory.make_clip(
            folder / "large.avi", duration=0.08, codec="mpeg4", b_frames=0, size=size, static=True
        )
        return video_factory.make_grown_picture(folder / "grown.avi", small, large).read_bytes()


MAKERS: Final[dict[str, Maker]] = {
    "two-containers": _two_containers,
    "inside-another": _inside_another,
    "two-halves": _two_halves,
    "zip-after-mp4": _zip_after_mp4,
    "zip-before-mp4": _zip_before_mp4,
    "html-mp4": _html_mp4,
    "playlist-before-mp4": _playlist_before_mp4,
    "tag-before": _tag_before,
    "reference-movie": _reference_movie,
    "outside-data": _outside_data,
    "sound-only": _from_factory(video_factory.make_sound_only, ".mp4"),
    "cover-only": _from_factory(video_factory.make_sound_with_cover, ".mp4"),
    "without-pictures": _from_factory(video_factory.make_without_pictures, ".mkv"),
    "huge-picture": _from_factory(video_factory.make_huge_picture, ".mp4"),
    "subtitles-only": _subtitles_alone,
    "grown-picture": _grown,
}
