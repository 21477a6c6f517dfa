"""Damage that needs to know nothing of the file: bits, blocks, ends."""

from random import Random
from typing import Final

from tests.fuzz.damage.kinds import Damage

_HEADER_BYTES: Final = 1024
_WORDS: Final = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 0x01000000, 0x00010000)


def _flip(data: bytes, random: Random, count: int, first: int = 0, end: int | None = None) -> bytes:
    changed = bytearray(data)
    for _ in range(count):
        changed[random.randrange(first, min(end or len(data), len(data)))] ^= 1 << random.randrange(8)
    return bytes(changed)


def flip_few(data: bytes, random: Random) -> bytes:
    """One to eight bits anywhere."""
    return _flip(data, random, random.randint(1, 8))


def flip_many(data: bytes, random: Random) -> bytes:
    """One byte in five hundred."""
    return _flip(data, random, max(1, len(data) // 500))


def flip_few_in_header(data: bytes, random: Random) -> bytes:
    """One to six bits of the first kibibyte."""
    return _flip(data, random, random.randint(1, 6), end=_HEADER_BYTES)


def flip_many_in_header(data: bytes, random: Random) -> bytes:
    """Forty bits of the first kibibyte."""
    return _flip(data, random, 40, end=_HEADER_BYTES)


def flip_at_the_end(data: bytes, random: Random) -> bytes:
    """One to twelve bits of the last two kibibytes, where some containers have their index."""
    return _flip(data, random, random.randint(1, 12), first=max(0, len(data) - 2048))


def words(data: bytes, random: Random) -> bytes:
    """One to five 32-bit words of the header or the end become an extreme number."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 5)):
        near = random.choice((0, max(0, len(data) - 4096)))
        at = near + random.randrange(min(4096, len(data) - near - 4))
        changed[at : at + 4] = random.choice(_WORDS).to_bytes(4, random.choice(("big", "little")))
    return bytes(changed)


def noise(data: bytes, random: Random) -> bytes:
    """A block becomes noise."""
    at = random.randrange(len(data))
    size = min(random.randint(1, 4096), len(data) - at)
    return data[:at] + random.randbytes(size) + data[at + size :]


def zeros(data: bytes, random: Random) -> bytes:
    """A block becomes zeros."""
    at = random.randrange(len(data))
    size = min(random.randint(16, 8192), len(data) - at)
    return data[:at] + bytes(size) + data[at + size :]


def insert_noise(data: bytes, random: Random) -> bytes:
    """A block of noise between two bytes."""
    at = random.randrange(len(data))
    return data[:at] + random.randbytes(random.randint(1, 2000)) + data[at:]


def swap_blocks(data: bytes, random: Random) -> bytes:
    """Two blocks change places."""
    size = random.randint(1, len(data) // 4)
    first = random.randrange(len(data) - 2 * size + 1)
    second = random.randrange(first + size, len(data) - size + 1)
    one, other = data[first : first + size], data[second : second + size]
    return data[:first] + other + data[first + size : second] + one + data[second + size :]


def repeat_block(data: bytes, random: Random) -> bytes:
    """A block stands there up to five hundred times."""
    at, size = random.randrange(len(data)), random.randint(1, 400)
    return data[:at] + data[at : at + size] * random.randint(2, 500) + data[at:]


def cut_start(data: bytes, random: Random) -> bytes:
    """The start is missing."""
    return data[random.randint(1, len(data) - 1) :]


def cut_end(data: bytes, random: Random) -> bytes:
    """The end is missing."""
    return data[: random.randint(1, len(data) - 1)]


def cut_last_bytes(data: bytes, random: Random) -> bytes:
    """A few bytes of the end are missing."""
    return data[: -random.randint(1, 64)]


def cut_to_header(data: bytes, random: Random) -> bytes:
    """Hardly more than the header is left."""
    return data[: random.randint(2, 1500)]


def cut_middle(data: bytes, random: Random) -> bytes:
    """A piece of the middle is missing."""
    at = random.randrange(1, len(data) - 1)
    return data[:at] + data[at + random.randint(1, len(data) - at) :]


def zeros_after_the_end(data: bytes, random: Random) -> bytes:
    """Up to three megabytes of zeros follow."""
    return data + bytes(random.randint(1 << 19, 3 << 20))


def noise_after_the_end(data: bytes, random: Random) -> bytes:
    """A hundred kilobytes of noise follow."""
    return data + random.randbytes(100_000)


def untouched(data: bytes, _random: Random) -> bytes:
    """Nothing is damaged: the whole way must be walked, too."""
    return data


DAMAGES: Final[dict[str, Damage]] = {
    "flip-few": flip_few,
    "flip-many": flip_many,
    "flip-few-in-header": flip_few_in_header,
    "flip-many-in-header": flip_many_in_header,
    "flip-at-the-end": flip_at_the_end,
    "words": words,
    "noise": noise,
    "zeros": zeros,
    "insert-noise": insert_noise,
    "swap-blocks": swap_blocks,
    "repeat-block": repeat_block,
    "cut-start": cut_start,
    "cut-end": cut_end,
    "cut-last-bytes": cut_last_bytes,
    "cut-to-header": cut_to_header,
    "cut-middle": cut_middle,
    "zeros-after-the-end": zeros_after_the_end,
    "noise-after-the-end": noise_after_the_end,
    "untouched": untouched,
}
