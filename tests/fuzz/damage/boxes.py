"""Damage of MP4 and MOV: boxes moved, doubled, removed, nested, and given wrong sizes."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.fuzz.damage.kinds import Damage

CONTAINERS: Final = ("mp4", "mov")
_PARENTS: Final = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"moof", b"traf", b"mvex", b"udta")
_SIZES: Final = (0, 1, 2, 7, 9, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_DEEP: Final = 20_000


@dataclass(frozen=True)
class Box:
    """One box: where it begins, where it ends, its type."""

    start: int
    end: int
    kind: bytes

    def of(self, data: bytes) -> bytes:
        """The box with its header."""
        return data[self.start : self.end]


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """All boxes of a sound file, parents before their children."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size = int.from_bytes(data[start : start + 4], "big")
        box = Box(start, start + size, data[start + 4 : start + 8])
        if size < 8 or box.end > end:
            return
        yield box
        if box.kind in _PARENTS:
            yield from boxes(data, start + 8, box.end)
        start = box.end


def spliced(data: bytes, start: int, end: int, new: bytes) -> bytes:
    """``new`` in the place of data[start:end], with the sizes of all boxes round it put right."""
    changed = bytearray(data)
    for box in boxes(data):
        if box.start < start and box.end >= end and box.kind in _PARENTS:
            size = box.end - box.start + len(new) - (end - start)
            changed[box.start : box.start + 4] = size.to_bytes(4, "big")
    return bytes(changed[:start] + new + changed[end:])


def _one(data: bytes, random: Random) -> Box:
    return random.choice([box for box in boxes(data) if box.kind != b"mdat"])


def remove(data: bytes, random: Random) -> bytes:
    """A box is missing; the rest fits together."""
    box = _one(data, random)
    return spliced(data, box.start, box.end, b"")


def double(data: bytes, random: Random) -> bytes:
    """A box stands there twice, or two hundred times."""
    box = _one(data, random)
    return spliced(data, box.end, box.end, box.of(data) * random.choice((1, 200)))


def swap(data: bytes, random: Random) -> bytes:
    """A box follows its later neighbour, or goes into another parent."""
    one, other = _one(data, random), _one(data, random)
    if one.start < other.end and other.start < one.end:
        return spliced(data, one.end, one.end, other.of(data))
    first, second = sorted((one, other), key=lambda box: box.start)
    return spliced(spliced(data, second.start, second.end, first.of(data)), first.start, first.end, second.of(data))


def rename(data: bytes, random: Random) -> bytes:
    """A box has another's type."""
    box, name = _one(data, random), random.choice((_one(data, random).kind, b"free", b"uuid", b"    ", b"cmov"))
    return data[: box.start + 4] + name + data[box.start + 8 :]


def wrong_size(data: bytes, random: Random) -> bytes:
    """A box says an absurd size of itself."""
    box = random.choice(list(boxes(data)))
    size = random.choice((*_SIZES, box.end - box.start + 1, (box.end - box.start) // 2))
    return data[: box.start] + size.to_bytes(4, "big") + data[box.start + 4 :]


def wrong_large_size(data: bytes, random: Random) -> bytes:
    """A box with a 64-bit size that is absurd."""
    box = _one(data, random)
    size = random.choice((0, 15, 16, 1 << 33, (1 << 63) - 1, 1 << 63, (1 << 64) - 1))
    header = (1).to_bytes(4, "big") + box.kind + size.to_bytes(8, "big")
    return spliced(data, box.start, box.end, header + data[box.start + 8 : box.end])


def nest(data: bytes, random: Random) -> bytes:
    """Tens of thousands of boxes in one another round, or inside, the index."""
    kind = random.choice((b"moov", b"trak", b"udta", b"meta", b"stbl", b"wave"))
    inner = next(box for box in boxes(data) if box.kind == b"moov").of(data)
    total = len(inner) + 8 * _DEEP
    headers = b"".join((total - 8 * depth).to_bytes(4, "big") + kind for depth in range(_DEEP))
    return data + headers + inner if random.random() < 0.5 else headers + inner + data


def many_tracks(data: bytes, random: Random) -> bytes:
    """Hundreds of copies of the first track, each with its own number."""
    track = next(box for box in boxes(data) if box.kind == b"trak")
    body = track.of(data)
    at = body.index(b"tkhd") + 16
    copies = [
        body[:at] + number.to_bytes(4, "big") + body[at + 4 :] for number in range(9, 9 + random.choice((60, 700)))
    ]
    return spliced(data, track.end, track.end, b"".join(copies))


def index_twice(data: bytes, _random: Random) -> bytes:
    """Two indexes over the same samples."""
    index = next(box for box in boxes(data) if box.kind == b"moov").of(data)
    return data + index


DAMAGES: Final[dict[str, Damage]] = {
    "remove-box": remove,
    "double-box": double,
    "swap-boxes": swap,
    "rename-box": rename,
    "box-size": wrong_size,
    "box-size-64": wrong_large_size,
    "nest-boxes": nest,
    "many-tracks": many_tracks,
    "two-indexes": index_twice,
}
