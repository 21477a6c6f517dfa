"""Damage of Matroska and WebM: elements moved, doubled, removed, nested, and absurd values in them."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.fuzz.damage.kinds import Damage

CONTAINERS: Final = ("mkv", "webm")
_SEGMENT, _INFO, _TRACKS, _ENTRY, _VIDEO, _CLUSTER = (
    bytes.fromhex(code) for code in ("18538067", "1549a966", "1654ae6b", "ae", "e0", "1f43b675")
)
_PARENTS: Final = (_SEGMENT, _INFO, _TRACKS, _ENTRY, _VIDEO, _CLUSTER)
_ENCODINGS: Final = "6d80"
_VALUES: Final = {  # hexadecimal: the element's name in the file
    "time-scale": "2ad7b1",
    "duration": "4489",
    "picture-width": "b0",
    "picture-height": "ba",
    "track-number": "d7",
    "track-type": "83",
    "usual-duration": "23e383",
    "cluster-time": "e7",
    "codec-name": "86",
    "codec-data": "63a2",
    "document-type": "4282",
    "version": "42f7",
}


@dataclass(frozen=True)
class Element:
    """One element: where its name begins, where its body begins and ends."""

    start: int
    body: int
    end: int
    name: bytes


def elements(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Element]:
    """All elements of a sound file, parents before their children."""
    end = len(data) if end is None else end
    while start < end:
        name_end = start + _width(data[start])
        size_end = name_end + _width(data[name_end])
        size = int.from_bytes(data[name_end:size_end], "big") & ((1 << 7 * (size_end - name_end)) - 1)
        unknown = size == (1 << 7 * (size_end - name_end)) - 1
        element = Element(start, size_end, end if unknown else min(end, size_end + size), data[start:name_end])
        yield element
        if element.name in _PARENTS:
            yield from elements(data, size_end, element.end)
        start = element.end


def _width(first: int) -> int:
    return max(1, 9 - first.bit_length())


def _sized(size: int) -> bytes:
    return (size | 1 << 56).to_bytes(8, "big")


def spliced(data: bytes, start: int, end: int, new: bytes) -> bytes:
    """``new`` in the place of data[start:end]; the elements round it are written with their new sizes."""
    parents = [one for one in elements(data) if one.name in _PARENTS and one.body <= start and end <= one.end]
    grown = len(new) - (end - start)
    result = data[:start] + new + data[end:]
    for parent in reversed(parents):  # the innermost first, since its header grows, too
        header = parent.name + _sized(parent.end - parent.body + grown)
        grown += len(header) - (parent.body - parent.start)
        result = result[: parent.start] + header + result[parent.body :]
    return result


def _one(data: bytes, random: Random) -> Element:
    return random.choice([one for one in elements(data) if one.end - one.start < len(data) // 2])


def remove(data: bytes, random: Random) -> bytes:
    """An element is missing; the rest fits together."""
    one = _one(data, random)
    return spliced(data, one.start, one.end, b"")


def double(data: bytes, random: Random) -> bytes:
    """An element stands there twice, or two hundred times if it is short."""
    one = _one(data, random)
    times = random.choice((1, 200)) if one.end - one.start < 4000 else 1
    return spliced(data, one.end, one.end, data[one.start : one.end] * times)


def move(data: bytes, random: Random) -> bytes:
    """A copy of an element stands in another place."""
    one, other = _one(data, random), _one(data, random)
    return spliced(data, other.start, other.start, data[one.start : one.end])


def wrong_size(data: bytes, random: Random) -> bytes:
    """An element says an absurd size of itself, or that it does not know it."""
    one = random.choice(list(elements(data)))
    sizes = ("80", "ff", "01ffffffffffffff", "01fffffffffffffe", "08ffffffff")
    size = bytes.fromhex(random.choice(sizes))
    return data[: one.start] + one.name + size + data[one.body :]


def wrong_value(element: str) -> Damage:
    """Damage that gives one element of that name an extreme value."""

    def damage(data: bytes, random: Random) -> bytes:
        found = [one for one in elements(data) if one.name.hex() == element]
        extreme = [value.to_bytes(8, "big") for value in (0, 1, 1 << 60, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)]
        floats = [struct.pack(">d", value) for value in (float("nan"), float("inf"), -1.0, 1e300)]
        body = random.choice((*extreme, *floats, b"", bytes(4), b"V_MS/VFW/FOURCC", b"S_TEXT/UTF8", b"V_UNKNOWN"))
        new = bytes.fromhex(element) + _sized(len(body)) + body
        if not found:
            parent = next(one for one in elements(data) if one.name == _INFO)
            return spliced(data, parent.body, parent.body, new)
        one = random.choice(found)
        return spliced(data, one.start, one.end, new)

    return damage


def nest(data: bytes, random: Random) -> bytes:
    """Thousands of elements in one another."""
    name = random.choice((_TRACKS, _ENTRY, bytes.fromhex("1043a770"), bytes.fromhex("1254c367"), bytes.fromhex("67c8")))
    inner = b""
    for _ in range(3000):
        inner = name + _sized(len(inner)) + inner
    parent = next(one for one in elements(data) if one.name == _SEGMENT)
    return spliced(data, parent.body, parent.body, inner)


def many_tracks(data: bytes, random: Random) -> bytes:
    """Hundreds of copies of the first track, each with its own number."""
    entry = next(one for one in elements(data) if one.name == _ENTRY)
    body = data[entry.body : entry.end].replace(b"\xd7\x81\x01", b"\xd7\x81%c", 1)
    copies = b"".join(
        _ENTRY + _sized(len(body)) + body.replace(b"%c", bytes([number % 100 + 20]), 1)
        for number in range(random.choice((90, 900)))
    )
    return spliced(data, entry.end, entry.end, copies)


def compressed(data: bytes, random: Random) -> bytes:
    """The first track's blocks are said to be compressed, and one of them is a hundred megabytes of zeros."""
    algorithm = random.choice((0, 1, 2, 3, 200))
    kind = bytes.fromhex("4254") + b"\x81" + bytes([algorithm])
    compression = bytes.fromhex("5034") + _sized(len(kind)) + kind
    encoding = bytes.fromhex("6240") + _sized(len(compression)) + compression
    entry = next(one for one in elements(data) if one.name == _ENTRY)
    bomb = b"\x81\0\0\x80" + zlib.compress(bytes(100 << 20), 9)
    block = b"\xa3" + _sized(len(bomb)) + bomb
    cluster = next(one for one in elements(data) if one.name == _CLUSTER)
    data = spliced(data, cluster.end, cluster.end, block)
    return spliced(data, entry.end, entry.end, bytes.fromhex(_ENCODINGS) + _sized(len(encoding)) + encoding)


def linked(data: bytes, random: Random) -> bytes:
    """The segment says that it goes on in other files, by number and by name."""
    names = (("3eb923", random.randbytes(16)), ("3e83bb", b"/etc/passwd"), ("3c83ab", b"../secret.mkv"))
    inner = b"".join(bytes.fromhex(name) + _sized(len(body)) + body for name, body in names)
    parent = next(one for one in elements(data) if one.name == _INFO)
    return spliced(data, parent.end, parent.end, inner)


DAMAGES: Final[dict[str, Damage]] = {
    "remove-element": remove,
    "double-element": double,
    "move-element": move,
    "element-size": wrong_size,
    **{name: wrong_value(element) for name, element in _VALUES.items()},
    "nest-elements": nest,
    "many-tracks": many_tracks,
    "compressed": compressed,
    "linked": linked,
}
