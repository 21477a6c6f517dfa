"""Whether Redis answers, and keeps what it is told."""

import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError

from cli.doctor.finding import Deployment, Finding, fail, ok, warn
from cli.redis_server import socket_in
from jobs.infra.redis_connection import connect, server_time
from jobs.infra.settings import Settings

_SUBJECT: Final = "redis"
_LEAST_VERSION: Final = 7
_SKEW_S: Final = 2.0
_TIMEOUT_S: Final = 2.0
_FULL: Final = 0.8  # of maxmemory


def find(settings: Settings) -> tuple[Redis | None, Finding]:
    """The Redis of this deployment, if it answers: REDIS_URL's, or the one that `v2m up` runs in the state folder."""
    own = socket_in(settings.state_dir)
    if settings.redis_url is not None:
        url, advice = settings.redis_url, "start it, or set REDIS_URL to another"
    elif own.exists():
        url, advice = f"unix://{own}", f"`v2m up` is not running in {settings.state_dir}, or read redis.log there"
    else:
        url = settings.redis
        advice = "start `v2m up`, give --state the folder that it works in, or set REDIS_URL as API and worker have it"
    redis = connect(url, _TIMEOUT_S, retries=0)
    try:
        redis.ping()
    except RedisError as error:
        redis.close()
        return None, fail(_SUBJECT, f"{_shown(url)} does not answer: {error}", advice)
    return redis, ok(_SUBJECT, f"{_shown(url)} answers")


def check(deployment: Deployment) -> Iterator[Finding]:
    """Its version, what it does with its data, its memory and its clock."""
    if deployment.redis is None:
        return
    info = deployment.redis.info()
    yield _version(info)
    yield from _persistence(info)
    yield from _memory(info)
    yield _clock(deployment.redis)


def _version(info: dict[str, Any]) -> Finding:
    version = str(info.get("redis_version", "unknown"))
    name = f"Valkey {info['valkey_version']} (as Redis {version})" if "valkey_version" in info else f"Redis {version}"
    major = version.partition(".")[0]
    if major.isdigit() and int(major) >= _LEAST_VERSION:
        return ok(_SUBJECT, name)
    return fail(_SUBJECT, f"{name} is too old", f"use Redis {_LEAST_VERSION} or Valkey, or something newer")


def _persistence(info: dict[str, Any]) -> Iterable[Finding]:
    if info.get("role") == "slave":
        yield fail(_SUBJECT, "is a replica, which cannot be written to", "set REDIS_URL to the primary")
    if info.get("aof_enabled") != 1:
        yield fail(_SUBJECT, "keeps no log of its writes: a restart loses jobs", "set appendonly yes")
    else:
        yield ok(_SUBJECT, "keeps a log of its writes")
    for name in ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"):
        if info.get(name, "ok") != "ok":
            yield fail(_SUBJECT, f"{name} is {info[name]}", "look at the disk that Redis writes to, and at its log")


def _memory(info: dict[str, Any]) -> Iterable[Finding]:
    policy, most = info.get("maxmemory_policy"), int(info.get("maxmemory", 0))
    used = int(info.get("used_memory", 0))
    if policy != "noeviction":
        found, advice = f"maxmemory-policy is {policy}: it may drop records of jobs", "set maxmemory-policy noeviction"
        # without a limit nothing is ever dropped, until somebody sets one
        yield fail(_SUBJECT, found, advice) if most else warn(_SUBJECT, found, advice)
    if most and used > _FULL * most:
        found = f"{used / most:.0%} of maxmemory are in use"
        yield warn(_SUBJECT, found, "raise maxmemory, or keep records for less long (V2M_RECORD_RETENTION_S)")
    else:
        yield ok(_SUBJECT, f"{used / 2**20:.1f} MiB in use" + (f" of {most / 2**20:.1f} MiB" if most else ", no limit"))


def _clock(redis: Redis) -> Finding:
    before = time.time()
    skew = server_time(redis) - (before + time.time()) / 2
    if abs(skew) > _SKEW_S:
        return warn(_SUBJECT, f"its clock differs from this machine's by {skew:+.1f} s", "run NTP on both machines")
    return ok(_SUBJECT, f"its clock agrees with this machine's ({skew * 1000:+.0f} ms)")


def _shown(url: str) -> str:
    """The URL without a password."""
    scheme, slashes, rest = url.partition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[2]}"
