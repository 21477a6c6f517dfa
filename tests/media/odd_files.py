"""Videos whose containers tell little of their times, or tell it in a way of their own, made of ordinary ones."""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import av

from tests import video_factory as factory

_TS_PACKET = 188
_TREE = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def cut_by_edit_list(path: Path, edits: Sequence[tuple[float, float]]) -> Path:
    """Let the MP4's edit list show these parts of it, each (seconds that it lasts, second where it begins)."""
    data = path.read_bytes()
    ticks = struct.unpack(">I", data[(at := data.index(b"mdhd")) + 16 : at + 20])[0]
    movie = struct.unpack(">I", data[(at := data.index(b"mvhd")) + 16 : at + 20])[0]
    zero = struct.unpack(">i", data[(at := data.index(b"elst")) + 16 : at + 20])[0]
    entries = [struct.pack(">IiI", round(last * movie), round(begin * ticks) + zero, 1 << 16) for last, begin in edits]
    edit_list = _box(b"elst", struct.pack(">II", 0, len(edits)) + b"".join(entries))
    path.write_bytes(b"".join(_rebuilt(kind, body, {b"edts": edit_list}) for kind, body in _boxes(data)))
    return path


def with_one_place_for_all_pictures(path: Path, count: int) -> Path:
    """Let the index of an MP4 of one picture tell of ``count`` pictures, all of them at the place of that one."""
    data = path.read_bytes()
    top = dict(_boxes(data))
    picture = top[b"mdat"]
    tables = {
        b"edts": b"",
        b"stss": b"",
        b"stsz": _box(b"stsz", struct.pack(">III", 0, len(picture), count)),
        b"stts": _box(b"stts", struct.pack(">IIII", 0, 1, count, 512)),
        b"stsc": _box(b"stsc", struct.pack(">IIIII", 0, 1, 1, 1, 1)),
        b"stco": _box(b"stco", struct.pack(">II", 0, count) + struct.pack(">I", len(top[b"ftyp"]) + 16) * count),
    }
    head = _box(b"ftyp", top[b"ftyp"]) + _box(b"mdat", picture)
    path.write_bytes(head + _rebuilt(b"moov", top[b"moov"], tables))
    return path


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        size = struct.unpack(">I", data[at : at + 4])[0]
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def _rebuilt(kind: bytes, body: bytes, instead: dict[bytes, bytes]) -> bytes:
    """The box with those inside it replaced by ``instead``; an edit list goes into a box of its own."""
    if kind in instead:
        return _box(kind, instead[kind]) if kind == b"edts" and instead[kind] else instead[kind]
    if kind not in _TREE:
        return _box(kind, body)
    return _box(kind, b"".join(_rebuilt(inner, rest, instead) for inner, rest in _boxes(body)))


def with_times_on_every(path: Path, nth: int) -> Path:
    """Take the times of all pictures but every ``nth`` out of an MPEG-TS without sound."""
    data = bytearray(path.read_bytes())
    count = 0
    for packet in range(0, len(data), _TS_PACKET):
        begins, field = data[packet + 1] & 0x40, data[packet + 3] >> 4 & 3
        at = packet + 4 + (1 + data[packet + 4] if field & 2 else 0)
        if not begins or not field & 1 or data[at : at + 4] != b"\x00\x00\x01\xe0":
            continue
        if count % nth:
            data[at + 7] &= 0x3F
            length = data[at + 8]
            data[at + 9 : at + 9 + length] = b"\xff" * length
        count += 1
    path.write_bytes(data)
    return path


def make_still(path: Path) -> Path:
    """An MP4 of one noisy picture, of some 10 KB."""
    return factory.make_clip(path, duration=0.04, b_frames=0, size=(320, 240))


def shown(path: Path) -> list[tuple[float, bytes]]:
    """(seconds from the first, grey thumbnail) of each picture, in the order in which the decoder gives it out."""
    with av.open(str(path)) as container:
        pictures = [
            (
                float((picture.pts or 0) * (picture.time_base or 0)),
                picture.reformat(16, 12, "gray").to_ndarray().tobytes(),
            )
            for picture in container.decode(video=0)
        ]
    return [(time - pictures[0][0], thumbnail) for time, thumbnail in pictures]
