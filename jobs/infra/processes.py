"""Processes of the service: their names, the heartbeats of workers, and protection from inspection.

A name identifies the machine and the process, so that other workers on the machine can find out whether it still runs.
Each worker writes the server's time into one sorted set at a fixed interval.
"""

import ctypes
import hashlib
import os
import socket
from functools import cache
from pathlib import Path
from typing import Final, cast
from uuid import uuid4

from redis import Redis

from jobs.infra.redis_connection import server_time

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE: Final = Path("/proc/self/ns/pid")
_PR_SET_DUMPABLE: Final = 4
_HEARTBEATS: Final = "v2m:workers"


@cache
def machine() -> str:
    """Twelve hexadecimal digits that identify this boot of this machine and this container's PID namespace.

    The host name is not enough: two containers may share it and still number their processes separately.
    """
    if _BOOT_ID.exists() and _PID_NAMESPACE.is_symlink():
        marks = _BOOT_ID.read_text().strip() + os.readlink(_PID_NAMESPACE)
    else:
        marks = socket.gethostname()
    return hashlib.sha256(marks.encode()).hexdigest()[:12]


def new_name() -> str:
    """A unique name for the worker in this process: machine, process number and a random part."""
    return f"{machine()}-{os.getpid()}-{uuid4().hex[:8]}"


def process_of(name: str) -> int | None:
    """The process number in a worker's name when the worker belongs to this machine, otherwise None."""
    parts = name.split("-")
    return int(parts[1]) if len(parts) == 3 and parts[0] == machine() and parts[1].isdigit() else None


def is_gone(name: str, own_name: str) -> bool:
    """True when the worker ran on this machine and its process has ended; False also when that is unknown.

    A process number equal to the current one belongs to a predecessor: in a container every worker is process 1.
    """
    process = process_of(name)
    if process is None or name == own_name:
        return False
    return process == os.getpid() or not _runs(process)


def deny_inspection() -> None:
    """Stops other processes of this user (except root's) from inspecting this one through /proc or as a debugger.

    A decoder that an attacker controls runs as the same user. Without Landlock in the kernel it could otherwise read
    the environment of its parent process, with keys and passwords, and other users' videos in its memory. Child
    processes are not protected by this. The process also leaves no core dumps.
    """
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)  # signal 0 only checks
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def record_heartbeat(redis: Redis, worker: str) -> None:
    """Records that this worker is alive and has its model loaded; RedisError."""
    redis.zadd(_HEARTBEATS, {worker: server_time(redis)})


def remove_worker(redis: Redis, worker: str) -> None:
    """Removes a worker that stops; RedisError."""
    redis.zrem(_HEARTBEATS, worker)


def live_workers(redis: Redis, ttl_s: float) -> list[str]:
    """Names of the workers with a heartbeat in the last ``ttl_s`` seconds; removes the others. RedisError."""
    redis.zremrangebyscore(_HEARTBEATS, "-inf", server_time(redis) - ttl_s)
    return [name.decode() for name in cast("list[bytes]", redis.zrange(_HEARTBEATS, 0, -1))]


def heartbeat_ages(redis: Redis) -> dict[str, float]:
    """Seconds since the last heartbeat of every worker that has not been removed; changes nothing. RedisError."""
    now = server_time(redis)
    heartbeats = cast("list[tuple[bytes, float]]", redis.zrange(_HEARTBEATS, 0, -1, withscores=True))
    return {name.decode(): max(0.0, now - time) for name, time in heartbeats}
