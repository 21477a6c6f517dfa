"""Damage of containers that are a row of units (chunks, tags, pages, packets): units lost, doubled, out of order,
and absurd numbers in their headers."""

import re
from collections.abc import Callable
from random import Random
from typing import Final

from tests.fuzz.damage.kinds import Damage

_STARTS: Final = {
    "avi": rb"LIST|avih|strh|strf|JUNK|00dc|01wb|idx1",
    "wmv": rb"0&\xb2u\x8ef\xcf\x11|\xa1\xdc\xab\x8cG\xa9\xcf\x11|\x91\x07\xdc\xb7\xb7\xa9\xcf\x11|6&\xb2u|\x82\x00\x00",
    "mpg": rb"\x00\x00\x01[\xba\xbb\xb3\xc0\xe0\xb8\x00]",
    "mxf": rb"\x06\x0e\x2b\x34",
    "ogv": rb"OggS",
}
_TS_PACKET: Final = 188
_FLV_HEADER: Final = 13
_EXTREMES: Final = (0, 1, 0x7F, 0x80, 0xFF)
CONTAINERS: Final = (*_STARTS, "ts", "flv")


def units(data: bytes) -> list[bytes]:
    """The file in its units; joined they are the file again."""
    if data.startswith(b"FLV"):
        return _flv_tags(data)
    if data[:1] == b"G" and data[_TS_PACKET : _TS_PACKET + 1] == b"G":
        return [data[at : at + _TS_PACKET] for at in range(0, len(data), _TS_PACKET)]
    found = (re.split(b"(?=" + starts + b")", data) for starts in _STARTS.values() if re.match(starts, data[:64]))
    parts = next(found, None) or re.split(b"(?=" + _STARTS["avi"] + b")", data)
    return [part for part in parts if part]


def _flv_tags(data: bytes) -> list[bytes]:
    parts, at = [data[:_FLV_HEADER]], _FLV_HEADER
    while at < len(data):
        size = 11 + int.from_bytes(data[at + 1 : at + 4], "big") + 4
        parts.append(data[at : at + size])
        at += size
    return parts


def _on_units(change: Callable[[list[bytes], Random], None]) -> Damage:
    def damage(data: bytes, random: Random) -> bytes:
        parts = units(data)
        change(parts, random)
        if data.startswith(b"OggS"):
            parts = [_with_checksum(part) for part in parts]
        return b"".join(parts)

    return damage


def _place(parts: list[bytes], random: Random) -> int:
    """Any unit; the first ones, which are the headers, more often than their number."""
    return random.randrange(min(len(parts), random.choice((12, len(parts)))))


def _drop(parts: list[bytes], random: Random) -> None:
    for _ in range(random.choice((1, 1, 5))):
        if len(parts) > 1:
            del parts[_place(parts, random)]


def _double(parts: list[bytes], random: Random) -> None:
    at = _place(parts, random)
    parts[at:at] = [parts[at]] * (random.choice((1, 300)) if len(parts[at]) < 4000 else 1)


def _swap(parts: list[bytes], random: Random) -> None:
    one, other = _place(parts, random), _place(parts, random)
    parts[one], parts[other] = parts[other], parts[one]


def _shuffle(parts: list[bytes], random: Random) -> None:
    head, rest = parts[:8], parts[8:]
    random.shuffle(rest)
    parts[:] = head + rest


def _change_header(parts: list[bytes], random: Random) -> None:
    for _ in range(random.choice((1, 1, 3))):
        at = _place(parts, random)
        unit = bytearray(parts[at])
        width, within = random.choice((1, 2, 4, 4, 8)), random.randrange(min(60, len(unit)))
        unit[within : within + width] = bytes([random.choice(_EXTREMES)]) * width
        parts[at] = bytes(unit[: len(parts[at])])


def _change_headers(parts: list[bytes], random: Random) -> None:
    for _ in range(6):
        _change_header(parts, random)


def _shorten(parts: list[bytes], random: Random) -> None:
    at = _place(parts, random)
    parts[at] = parts[at][: random.randrange(len(parts[at]) + 1)]


def _with_checksum(page: bytes) -> bytes:
    """The Ogg page with its checksum put right, so that what was changed in it is believed."""
    if len(page) < 27:
        return page
    total = 0
    for byte in page[:22] + bytes(4) + page[26:]:
        total = (total << 8 & 0xFFFFFFFF) ^ _CRC[total >> 24 ^ byte]
    return page[:22] + total.to_bytes(4, "little") + page[26:]


def _crc_of(byte: int) -> int:
    total = byte << 24
    for _ in range(8):
        total = (total << 1 ^ (0x04C11DB7 if total >> 31 else 0)) & 0xFFFFFFFF
    return total


_CRC: Final = [_crc_of(byte) for byte in range(256)]

DAMAGES: Final[dict[str, Damage]] = {
    "drop-units": _on_units(_drop),
    "double-unit": _on_units(_double),
    "swap-units": _on_units(_swap),
    "shuffle-units": _on_units(_shuffle),
    "unit-header": _on_units(_change_header),
    "unit-headers": _on_units(_change_headers),
    "shorten-unit": _on_units(_shorten),
}
