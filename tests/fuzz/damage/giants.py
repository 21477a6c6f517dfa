"""Streams whose header inside says other pictures than the container's: huge ones, or none."""

import re
from collections.abc import Callable, Iterable
from random import Random
from typing import Final

from tests.fuzz.damage.kinds import Damage

Size = tuple[int, int]
_SIZES: Final[tuple[Size, ...]] = (
    (16384, 16384),
    (65500, 65500),
    (16384, 16),
    (4096, 2304),
    (4095, 4095),
    (8000, 4000),
    (16, 16),
    (1, 1),
    (0, 0),
)


def giant(data: bytes, random: Random) -> bytes:
    """Every place, the first, or all but the first in which the stream tells its size now tells another one."""
    size = random.choice(_SIZES)
    for find, write in _CODECS:
        places = list(find(data))
        if places:
            chosen = random.choice((places, places[:1], places[1:] or places))
            changed = bytearray(data)
            for start, end in chosen:
                changed[start:end] = write(bytes(changed[start:end]), size)
            return bytes(changed)
    raise ValueError("the file has none of the codecs whose header can be written here")


def _found(pattern: bytes, skip: int, length: int) -> Callable[[bytes], Iterable[tuple[int, int]]]:
    """Finder of the ``length`` bytes that begin ``skip`` bytes after the start of each match."""

    def find(data: bytes) -> Iterable[tuple[int, int]]:
        for match in re.finditer(pattern, data, re.DOTALL):
            yield match.start() + skip, match.start() + skip + length

    return find


def _two_words(data: bytes, size: Size) -> bytes:
    """Height and width, as in a JPEG."""
    return (size[1] & 0xFFFF).to_bytes(2, "big") + (size[0] & 0xFFFF).to_bytes(2, "big")


def _two_words_wide_first(data: bytes, size: Size) -> bytes:
    return (size[0] & 0xFFFF).to_bytes(2, "big") + (size[1] & 0xFFFF).to_bytes(2, "big")


def _two_little_words(data: bytes, size: Size) -> bytes:
    return min(size[0], 0x3FFF).to_bytes(2, "little") + min(size[1], 0x3FFF).to_bytes(2, "little")


def _twelve_bits(data: bytes, size: Size) -> bytes:
    return (min(size[0], 4095) << 12 | min(size[1], 4095)).to_bytes(3, "big")


def _vp9(data: bytes, size: Size) -> bytes:
    """Four bits of the colours, then width - 1 and height - 1 in 16 bits each, then four bits that stay."""
    number = int.from_bytes(data, "big")
    both = (max(size[0], 1) - 1) << 16 | (max(size[1], 1) - 1)
    return (number & ~(0xFFFFFFFF << 4) | (both & 0xFFFFFFFF) << 4).to_bytes(5, "big")


def _parameter_set(data: bytes, size: Size) -> bytes:
    """A sequence parameter set of H.264, baseline, as long as the one that was there."""
    bits = f"{0x67:08b}{66:08b}{0:08b}{51:08b}"
    blocks_wide, blocks_high = max(1, -(-size[0] // 16)), max(1, -(-size[1] // 16))
    for value in (0, 0, 2, 4):  # number, bits of the picture's number, order of output, pictures kept
        bits += _golomb(value)
    bits += "0" + _golomb(blocks_wide - 1) + _golomb(blocks_high - 1) + "1" + "1" + "0" + "0" + "1"
    whole = bits + "0" * (-len(bits) % 8)
    made = int(whole, 2).to_bytes(len(whole) // 8, "big")
    return made[: len(data)].ljust(len(data), b"\0")


def _golomb(value: int) -> str:
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits


_CODECS: Final[tuple[tuple[Callable[[bytes], Iterable[tuple[int, int]]], Callable[[bytes, Size], bytes]], ...]] = (
    (_found(rb"\xff\xc0\x00\x11\x08", 5, 4), _two_words),
    (_found(rb"icpf", 12, 4), _two_words_wide_first),
    (_found(rb"\x9d\x01\x2a", 3, 4), _two_little_words),
    (_found(rb"\x49\x83\x42", 3, 5), _vp9),
    (_found(rb"\x00\x00\x01\xb3", 4, 3), _twelve_bits),
    (_found(rb"[\x01\x0a-\x40]\x67[\x42\x4d\x64]", 1, 19), _parameter_set),
)

DAMAGES: Final[dict[str, Damage]] = {"giant": giant}
