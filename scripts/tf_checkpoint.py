"""Reads a TensorFlow checkpoint without TensorFlow.

A checkpoint is two files. `.index` is a sorted table in LevelDB's format: the name of each tensor -> a protocol buffer
that says its type, shape and place. `.data-00000-of-00001` holds the values, one tensor after the other. Described in
tensorflow/core/util/tensor_bundle/tensor_bundle.h and in table_format.md of LevelDB's documentation.
"""

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_FOOTER: Final = 48
_MAGIC: Final = bytes.fromhex("57fb808b247547db")
_TRAILER: Final = 5  # behind each block: one byte that names its compression, four of a checksum
_TYPES: Final = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8"}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def tensors(index: bytes, data: bytes) -> dict[str, NDArray[Any]]:
    """The tensors of a checkpoint by name, from the contents of its two files.

    Raises:
        ValueError: a file is not what it should be, is compressed, in several shards or slices, or has a tensor of
            another type than float or integer.
    """
    return {name.decode(): _tensor(name.decode(), entry, data) for name, entry in table(index) if name}


def table(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a LevelDB table, in order.

    Raises:
        ValueError: it is no such table, or it is compressed.
    """
    if len(content) < _FOOTER or content[-len(_MAGIC) :] != _MAGIC:
        raise ValueError("this is no LevelDB table")
    numbers = _varints(content, len(content) - _FOOTER)
    next(numbers), next(numbers)  # place of the index of meta blocks, which checkpoints do not use
    for _, handle in _block(content, next(numbers), next(numbers)):
        place = _varints(handle, 0)
        yield from _block(content, next(place), next(place))


def _block(content: bytes, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """The entries of one block: a key is told as what it shares with the one before it, and the rest."""
    if len(content) < start + size + _TRAILER:
        raise ValueError("the table is cut short")
    if content[start + size]:
        raise ValueError("the table is compressed")
    block = content[start : start + size]
    restarts = int.from_bytes(block[-4:], "little")
    at, end, key = 0, size - 4 * (restarts + 1), b""
    while at < end:
        shared, at = _varint(block, at)
        rest, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + rest]
        yield key, block[at + rest : at + rest + length]
        at += rest + length


def _tensor(name: str, entry: bytes, data: bytes) -> NDArray[Any]:
    """Fields of a BundleEntryProto: 1 type, 2 shape, 3 shard, 4 offset, 5 size, 6 checksum, 7 slices."""
    fields = dict(_fields(entry))
    kind, shard, offset, size = (int(fields.get(number, 0)) for number in (1, 3, 4, 5))
    if shard or 7 in fields or kind not in _TYPES:
        raise ValueError(f"{name}: only whole tensors of floats or integers in the first shard can be read")
    # A TensorShapeProto: field 2 is a dimension, whose field 1 is its size; zero is left out.
    dimensions = [bytes(value) for number, value in _fields(bytes(fields.get(2, b""))) if number == 2]
    shape = [int(dict(_fields(dimension)).get(1, 0)) for dimension in dimensions]
    values = np.frombuffer(data[offset : offset + size], np.dtype(_TYPES[kind]))
    if values.nbytes != size or values.size != math.prod(shape):
        raise ValueError(f"{name}: {size} bytes at {offset} do not hold the shape {shape}")
    return values.reshape(shape)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a protocol buffer, in the order they are written."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
            yield tag >> 3, int.from_bytes(message[at : at + size], "little")
            at += size
        elif kind == _BYTES:
            size, at = _varint(message, at)
            yield tag >> 3, message[at : at + size]
            at += size
        else:
            raise ValueError(f"a field of the unknown kind {kind}")


def _varints(content: bytes, at: int) -> Iterator[int]:
    while True:
        value, at = _varint(content, at)
        yield value


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first; returns it and the place behind it."""
    value = shift = 0
    while True:
        if at >= len(content):
            raise ValueError("a number is cut short")
        value |= (content[at] & 0x7F) << shift
        at += 1
        if content[at - 1] < 0x80:
            return value, at
        shift += 7
