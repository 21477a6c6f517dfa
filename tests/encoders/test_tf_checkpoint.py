"""The reader of TensorFlow checkpoints against files written here, byte by byte as the format says."""

import numpy as np
import pytest

from scripts.tf_checkpoint import table, tensors

MAGIC = 0xDB4775248B80FB57


def varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def block(entries: list[tuple[bytes, bytes]], compression: int = 0) -> bytes:
    """Keys share what they can with the one before; one restart; a trailer whose checksum nobody reads."""
    out, last = b"", b""
    for key, value in entries:
        shared = next(
            (i for i, pair in enumerate(zip(key, last, strict=False)) if pair[0] != pair[1]), min(len(key), len(last))
        )
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return out + (0).to_bytes(4, "little") + (1).to_bytes(4, "little") + bytes([compression]) + b"\0\0\0\0"


def written(*blocks: bytes) -> bytes:
    """A table of data blocks: then the index that leads to them, and the footer that leads to that."""
    content = b""
    handles: list[tuple[bytes, bytes]] = []
    for one in blocks:
        handles.append((str(len(handles)).encode(), varint(len(content)) + varint(len(one) - 5)))
        content += one
    index = block(handles)
    footer = varint(0) + varint(0) + varint(len(content)) + varint(len(index) - 5)
    return content + index + footer.ljust(40, b"\0") + MAGIC.to_bytes(8, "little")


def entry(kind: int, shape: list[int], offset: int, size: int, shard: int = 0) -> bytes:
    dimensions = b"".join(b"\x12" + varint(len(b"\x08" + varint(n))) + b"\x08" + varint(n) for n in shape)
    message = b"\x08" + varint(kind) + b"\x12" + varint(len(dimensions)) + dimensions
    message += b"\x18" + varint(shard) if shard else b""
    return message + b"\x20" + varint(offset) + b"\x28" + varint(size) + b"\x35\1\2\3\4"


MATRIX = np.arange(600, dtype="<f4").reshape(3, 200)
COUNTS = np.array([7, -8], "<i8")
DATA = MATRIX.tobytes() + COUNTS.tobytes()
FIRST = block([(b"", b"\x08\x01"), (b"layer/bias", entry(9, [2], 2400, 16))])
SECOND = block([(b"layer/kernel", entry(1, [3, 200], 0, 2400)), (b"layer/scale", entry(1, [], 4, 4))])


def test_tensors_of_several_blocks_types_and_shapes_are_read() -> None:
    found = tensors(written(FIRST, SECOND), DATA)
    assert list(found) == ["layer/bias", "layer/kernel", "layer/scale"]
    np.testing.assert_array_equal(found["layer/kernel"], MATRIX)
    np.testing.assert_array_equal(found["layer/bias"], COUNTS)
    assert found["layer/scale"].shape == ()
    assert found["layer/scale"] == 1.0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no LevelDB table"),
        (b"\0" * 100, "no LevelDB table"),
        (written(block([(b"a", b"")], compression=1)), "compressed"),
        (written(FIRST)[:4] + written(FIRST)[-80:], "cut short"),
    ],
    ids=["empty", "zeros", "compressed", "torn"],
)
def test_other_tables_are_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        list(table(content))


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (entry(7, [1], 0, 4), "floats or integers"),
        (entry(1, [1], 0, 4, shard=1), "first shard"),
        (entry(1, [2], 0, 4), "do not hold the shape"),
        (entry(1, [1000], 0, 4000), "do not hold the shape"),
    ],
    ids=["strings", "another shard", "another size", "beyond the end"],
)
def test_tensors_that_are_not_whole_are_refused(told: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        tensors(written(block([(b"w", told)])), DATA)
