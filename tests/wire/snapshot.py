"""Redis contents and a store folder as portable files, independent of the server's version and of the date.

Redis goes into JSON by type of key, not into DUMP, RDB or AOF: those depend on the version of the server, hold absolute
times of expiry, and cannot be reviewed as a diff. Times to live are kept as the seconds that were left, and begin anew
when the snapshot is loaded. So do the scores that are compared with the clock, as if all had been written just before.
Times within values, such as when a job ended, stay as they were written.
"""

import base64
import io
import json
import lzma
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final, cast

from redis import Redis

_CLOCKED: Final = (
    *("v2m:leases", "v2m:workers", "v2m:webhooks", "v2m:kept:"),
    *("rq:wip:", "rq:finished:", "rq:executions:"),
)
"""Beginnings of the keys of sorted sets whose scores are compared with the clock; others only give an order."""


def dump_redis(redis: Redis) -> list[dict[str, Any]]:
    """Every key as ``{key, type, ttl_s, value}``, in the order of the keys. ValueError for a type that is not known."""
    return [_dump_key(redis, key) for key in sorted(cast("list[bytes]", redis.keys("*")))]


def load_redis(redis: Redis, entries: list[dict[str, Any]], shift_s: float) -> None:
    """Writes what ``dump_redis`` returned into an empty database; ``shift_s`` is added to scores that are times."""
    for entry in entries:
        key = _bytes(entry["key"])
        value = entry["value"]
        if entry["type"] == "zset" and entry["key"].startswith(_CLOCKED):
            value = [[item, score + shift_s] for item, score in value]
        _WRITERS[entry["type"]](redis, key, value)
        if entry["ttl_s"] is not None:
            redis.expire(key, entry["ttl_s"])


def pack(root: Path, archive: Path) -> None:
    """Writes all files below ``root`` into a ``tar.xz`` file, where equal files take the room of one."""
    with lzma.open(archive, "w", preset=9) as compressed, tarfile.open(fileobj=compressed, mode="w") as packed:
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            member = tarfile.TarInfo(str(path.relative_to(root)))
            member.size = path.stat().st_size
            packed.addfile(member, io.BytesIO(path.read_bytes()))


def unpack(archive: Path, root: Path) -> None:
    """Creates the folder ``root`` with the files that ``pack`` kept."""
    with tarfile.open(archive) as packed:
        packed.extractall(root, filter="data")


def read_json(archive: Path, name: str) -> Any:
    """The content of one JSON file of an archive."""
    with tarfile.open(archive) as packed, cast("IO[bytes]", packed.extractfile(name)) as file:
        return json.load(file)


def _dump_key(redis: Redis, key: bytes) -> dict[str, Any]:
    kind = cast("bytes", redis.type(key)).decode()
    left_ms = int(redis.pttl(key))
    value = _READERS[kind](redis, key)
    return {"key": _text(key), "type": kind, "ttl_s": None if left_ms < 0 else -(-left_ms // 1000), "value": value}


def _read_stream(redis: Redis, key: bytes) -> list[Any]:
    rows = cast("list[tuple[bytes, dict[bytes, bytes]]]", redis.xrange(key))
    return [[_text(entry_id), _pairs(fields)] for entry_id, fields in rows]


def _write_stream(redis: Redis, key: bytes, value: list[Any]) -> None:
    for entry_id, fields in value:
        redis.xadd(key, cast("Any", _mapping(fields)), id=_bytes(entry_id))


def _pairs(mapping: Mapping[bytes, bytes]) -> list[list[Any]]:
    return sorted([_text(name), _text(value)] for name, value in mapping.items())


def _mapping(pairs: list[list[Any]]) -> dict[bytes, bytes]:
    return {_bytes(name): _bytes(value) for name, value in pairs}


def _text(value: bytes) -> Any:
    """A string where the bytes are readable text, and otherwise an object with base64."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\0"
    return text if text.isprintable() else {"base64": base64.b64encode(value).decode()}


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else base64.b64decode(value["base64"])


_READERS: Final[Mapping[str, Callable[[Any, bytes], Any]]] = {
    "string": lambda redis, key: _text(redis.get(key)),
    "hash": lambda redis, key: _pairs(redis.hgetall(key)),
    "list": lambda redis, key: [_text(item) for item in redis.lrange(key, 0, -1)],
    "set": lambda redis, key: sorted(_text(item) for item in redis.smembers(key)),
    "zset": lambda redis, key: [[_text(item), score] for item, score in redis.zrange(key, 0, -1, withscores=True)],
    "stream": _read_stream,
}
_WRITERS: Final[Mapping[str, Callable[[Any, bytes, Any], Any]]] = {
    "string": lambda redis, key, value: redis.set(key, _bytes(value)),
    "hash": lambda redis, key, value: redis.hset(key, mapping=_mapping(value)),
    "list": lambda redis, key, value: redis.rpush(key, *map(_bytes, value)),
    "set": lambda redis, key, value: redis.sadd(key, *map(_bytes, value)),
    "zset": lambda redis, key, value: redis.zadd(key, {_bytes(item): score for item, score in value}),
    "stream": _write_stream,
}
