"""Damage of MP4 and MOV: absurd numbers in the tables that say where, when and how large the pictures are."""

import struct
from collections.abc import Callable
from random import Random
from typing import Final

from tests.fuzz.damage.boxes import boxes, spliced
from tests.fuzz.damage.kinds import Damage

_NUMBERS: Final = (0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def _patched(kind: bytes, at: int, pack: Callable[[Random], bytes]) -> Damage:
    """Damage that overwrites what stands ``at`` bytes into the body of a box of that kind, in one of its tracks."""

    def damage(data: bytes, random: Random) -> bytes:
        found = [box for box in boxes(data) if box.kind == kind]
        if not found:
            return data
        start = random.choice(found).start + 8 + at
        new = pack(random)
        return data[:start] + new + data[start + len(new) :]

    return damage


def _number(random: Random) -> bytes:
    return struct.pack(">I", random.choice(_NUMBERS))


def _two_numbers(random: Random) -> bytes:
    return _number(random) + _number(random)


def _short(random: Random) -> bytes:
    return struct.pack(">H", random.choice((0, 1, 0x7FFF, 0x8000, 0xFFFF)))


def _sizes(random: Random) -> bytes:
    return struct.pack(">2H", *(random.choice((0, 1, 4096, 16384, 0xFFFF)) for _ in range(2)))


def _codec(random: Random) -> bytes:
    return random.choice((b"\0\0\0\0", b"zzzz", b"encv", b"mp4s", b"tmcd", b"hvc1", b"av01", b"png ", b"raw ", b"rv40"))


def _matrix(random: Random) -> bytes:
    extreme = (0, 1, -1, 1 << 16, -(1 << 16), (1 << 31) - 1, -(1 << 31))
    return struct.pack(">9i", *(random.choice(extreme) for _ in range(9)))


def _edit(random: Random) -> bytes:
    count = random.choice((1, 2, 0xFFFFFFFF, 0x10000000))
    edit = struct.pack(">IiI", *(random.choice((0, 1, 1000, 0x7FFFFFFF)) for _ in range(3)))
    return struct.pack(">I", count) + edit


def many_edits(data: bytes, random: Random) -> bytes:
    """An edit list that shows the same moment thousands of times."""
    found = next((box for box in boxes(data) if box.kind == b"elst"), None)
    if found is None:
        return data
    count = random.choice((1000, 30_000))
    edit = struct.pack(">IiHH", random.choice((1, 40, 1000)), random.choice((-1, 0, 100, 1 << 30)), 1, 0)
    body = struct.pack(">II", 0, count) + edit * count
    return spliced(data, found.start, found.end, struct.pack(">I", len(body) + 8) + b"elst" + body)


def many_samples(data: bytes, random: Random) -> bytes:
    """Tables in few bytes that say of millions of pictures."""
    count = random.choice((100_000, 5_000_000, 0x7FFFFFFF))
    for kind, body in (
        (b"stsz", struct.pack(">III", 0, random.choice((0, 1, 100)), count)),
        (b"stts", struct.pack(">IIII", 0, 1, count, random.choice((0, 1, 512)))),
        (b"stsc", struct.pack(">IIIII", 0, 1, 1, count, 1)),
    ):
        box = next((box for box in boxes(data) if box.kind == kind), None)
        if box is not None:
            data = spliced(data, box.start, box.end, struct.pack(">I", len(body) + 8) + kind + body)
    return data


def distant_times(data: bytes, random: Random) -> bytes:
    """One picture lasts for as long as can be written."""
    delta = random.choice((0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 10_000_000))
    box = next(box for box in boxes(data) if box.kind == b"stts")
    body = struct.pack(">IIIIII", 0, 2, random.choice((1, 7)), delta, 29, 512)
    return spliced(data, box.start, box.end, struct.pack(">I", len(body) + 8) + b"stts" + body)


DAMAGES: Final[dict[str, Damage]] = {
    "movie-time-scale": _patched(b"mvhd", 12, _number),
    "movie-duration": _patched(b"mvhd", 16, _number),
    "track-number": _patched(b"tkhd", 12, _number),
    "track-duration": _patched(b"tkhd", 20, _number),
    "track-matrix": _patched(b"tkhd", 40, _matrix),
    "track-size": _patched(b"tkhd", 76, _two_numbers),
    "media-time-scale": _patched(b"mdhd", 12, _number),
    "media-duration": _patched(b"mdhd", 16, _number),
    "handler": _patched(b"hdlr", 8, _codec),
    "entry-count": _patched(b"stsd", 4, _number),
    "codec": _patched(b"stsd", 12, _codec),
    "picture-size": _patched(b"stsd", 8 + 32, _sizes),
    "codec-data": _patched(b"stsd", 8 + 96, _number),
    "sample-times": _patched(b"stts", 4, _two_numbers),
    "sample-offsets": _patched(b"ctts", 4, _two_numbers),
    "sample-sizes": _patched(b"stsz", 4, _two_numbers),
    "samples-per-chunk": _patched(b"stsc", 8, _two_numbers),
    "chunk-places": _patched(b"stco", 4, _two_numbers),
    "key-pictures": _patched(b"stss", 4, _two_numbers),
    "edit-list": _patched(b"elst", 4, _edit),
    "references": _patched(b"dref", 4, _two_numbers),
    "layout": _patched(b"ftyp", 0, _number),
    "depth": _patched(b"stsd", 8 + 82, _short),
    "many-edits": many_edits,
    "many-samples": many_samples,
    "distant-times": distant_times,
}

FRAGMENT_DAMAGES: Final[dict[str, Damage]] = {
    "fragment-run": _patched(b"trun", 4, _two_numbers),
    "fragment-header": _patched(b"tfhd", 0, _two_numbers),
    "fragment-time": _patched(b"tfdt", 4, _two_numbers),
}
