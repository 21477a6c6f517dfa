"""The doctor's checks of the running service: Redis, workers, queue and API."""

import http.client
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError

from cli.doctor import Deployment, Finding, fail, ok, warn
from cli.serve import url_at
from cli.stack import redis_socket
from jobs.infra.processes import heartbeat_ages, is_gone, machine, process_of
from jobs.infra.redis_connection import connect, server_time
from jobs.infra.settings import Settings
from jobs.queue import JobQueue
from jobs.record import JobRecord, JobStatus, now
from jobs.repository import JobRecords

_LEAST_VERSION: Final = 7
_SKEW_S: Final = 2.0
_REDIS_TIMEOUT_S: Final = 2.0
_API_TIMEOUT_S: Final = 5.0
_FULL: Final = 0.8  # of maxmemory, and of the places in the queue
_MOST_RECORDS: Final = 2000  # that are read of open jobs, and of finished ones
_LATELY: Final = timedelta(days=1)
_OURS: Final = frozenset({"internal", "out_of_memory", "storage", "timeout", "upload_missing", "worker_lost"})
"""Codes of failures that another input would not have prevented, or that the operator can do something about."""


def find_redis(settings: Settings) -> tuple[Redis | None, Finding]:
    """The Redis of this deployment if it answers: REDIS_URL's, or the one that `v2m up` runs in the state folder."""
    own = redis_socket(settings.state_dir)
    if settings.redis_url is not None:
        url, advice = settings.redis_url, "start it, or set REDIS_URL to another"
    elif own.exists():
        url, advice = f"unix://{own}", f"`v2m up` is not running in {settings.state_dir}, or read redis.log there"
    else:
        url = settings.redis
        advice = "start `v2m up`, set --state to its folder, or set REDIS_URL as for the API and the workers"
    redis = connect(url, _REDIS_TIMEOUT_S, retries=0)
    try:
        redis.ping()
    except RedisError as error:
        redis.close()
        return None, fail("redis", f"{_without_password(url)} does not answer: {error}", advice)
    return redis, ok("redis", f"{_without_password(url)} answers")


def check_redis(deployment: Deployment) -> Iterator[Finding]:
    """Version, persistence, memory and clock of Redis."""
    if deployment.redis is None:
        return
    info = deployment.redis.info()
    yield _redis_version(info)
    yield from _persistence(info)
    yield from _memory(info)
    yield _clock(deployment.redis)


def _redis_version(info: dict[str, Any]) -> Finding:
    version = str(info.get("redis_version", "unknown"))
    name = f"Valkey {info['valkey_version']} (as Redis {version})" if "valkey_version" in info else f"Redis {version}"
    major = version.partition(".")[0]
    if major.isdigit() and int(major) >= _LEAST_VERSION:
        return ok("redis", name)
    return fail("redis", f"{name} is too old", f"use Redis {_LEAST_VERSION} or Valkey, or something newer")


def _persistence(info: dict[str, Any]) -> Iterable[Finding]:
    if info.get("role") == "slave":
        yield fail("redis", "is a replica, which cannot be written to", "set REDIS_URL to the primary")
    if info.get("aof_enabled") != 1:
        yield fail("redis", "keeps no log of its writes: a restart loses jobs", "set appendonly yes")
    else:
        yield ok("redis", "keeps a log of its writes")
    for name in ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"):
        if info.get(name, "ok") != "ok":
            yield fail("redis", f"{name} is {info[name]}", "look at the disk that Redis writes to, and at its log")


def _memory(info: dict[str, Any]) -> Iterable[Finding]:
    policy, most = info.get("maxmemory_policy"), int(info.get("maxmemory", 0))
    used = int(info.get("used_memory", 0))
    if policy != "noeviction":
        found, advice = f"maxmemory-policy is {policy}: it may drop records of jobs", "set maxmemory-policy noeviction"
        # without a limit nothing is ever dropped, until somebody sets one
        yield fail("redis", found, advice) if most else warn("redis", found, advice)
    if most and used > _FULL * most:
        found = f"{used / most:.0%} of maxmemory are in use"
        yield warn("redis", found, "raise maxmemory, or keep records for less long (V2M_RECORD_RETENTION_S)")
    else:
        yield ok("redis", f"{used / 2**20:.1f} MiB in use" + (f" of {most / 2**20:.1f} MiB" if most else ", no limit"))


def _clock(redis: Redis) -> Finding:
    before = time.time()
    skew = server_time(redis) - (before + time.time()) / 2
    if abs(skew) > _SKEW_S:
        return warn("redis", f"its clock differs from this machine's by {skew:+.1f} s", "run NTP on both machines")
    return ok("redis", f"its clock agrees with this machine's ({skew * 1000:+.0f} ms)")


def _without_password(url: str) -> str:
    scheme, slashes, rest = url.partition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[2]}"


def check_workers(deployment: Deployment) -> Iterator[Finding]:
    """One line for all live workers, and one for each that has stopped reporting and is still remembered."""
    if deployment.redis is None:
        return
    settings = deployment.settings
    all_silences = heartbeat_ages(deployment.redis)
    live = {name: silence for name, silence in all_silences.items() if silence < settings.heartbeat_ttl_s}
    if live:
        machines = Counter(name.partition("-")[0] for name in live)
        where = ", ".join(f"{count} on {_machine(name)}" for name, count in sorted(machines.items()))
        yield ok("workers", f"{len(live)} live: {where}; last heartbeats up to {max(live.values()):.1f} s ago")
    else:
        advice = "start `v2m worker`; one that has just started loads its model first"
        yield fail("workers", "none is live: jobs wait", advice)
    for name, silence in all_silences.items():
        if is_gone(name, own_name=""):
            found = f"{name} has died on this machine, {silence:.0f} s after its last heartbeat"
            yield warn("workers", found, "read its log; its job is requeued")
        elif name not in live:
            advice = "if it still runs, restart it" if process_of(name) else "look at its machine"
            yield warn("workers", f"{name} sent its last heartbeat {silence:.0f} s ago", advice)


def _machine(name: str) -> str:
    return f"this machine ({os.uname().nodename})" if name == machine() else f"machine {name}"


def check_queue(deployment: Deployment) -> Iterator[Finding]:
    """The length of the queue, jobs that hang, and recent failures."""
    if deployment.redis is None:
        return
    redis, settings = deployment.redis, deployment.settings
    records = JobRecords(redis, settings.record_retention_s)
    queue = JobQueue(redis, records, settings)
    waiting = set(queue.list_waiting())
    open_ids = records.list_open()
    found = [record for record in map(records.get, open_ids[:_MOST_RECORDS]) if record]
    running = [record for record in found if record.status is JobStatus.IN_PROGRESS]
    yield _length(len(waiting), settings.max_queued, len(running))
    yield from _oldest([record for record in found if record.id in waiting], settings.job_timeout_s)
    advice = f"a live worker requeues them within {settings.maintenance_s} s; if not, read the workers' logs"
    silent = [record.id for record in running if records.lease_age_s(record.id) > settings.heartbeat_ttl_s]
    if silent:
        yield warn("queue", f"{len(silent)} in progress without a live worker: {_ids(silent)}", advice)
    missed = [record.id for record in found if record.status is JobStatus.QUEUED and record.id not in waiting]
    if missed:
        yield warn("queue", f"{len(missed)} queued, but not in RQ's list: {_ids(missed)}", advice)
    yield _failures(redis, records)


def _length(waiting: int, most: int, running: int) -> Finding:
    found = f"{waiting} waiting, {running} in progress"
    if waiting >= most:
        return fail("queue", f"{found}: full, new jobs are refused", "start more workers, or raise V2M_MAX_QUEUED")
    if waiting > _FULL * most:
        return warn("queue", f"{found}: nearly full, at most {most} may wait", "start more workers")
    return ok("queue", found)


def _oldest(waiting: list[JobRecord], long_s: float) -> Iterator[Finding]:
    if not waiting:
        return
    age = max((now() - record.created_at).total_seconds() for record in waiting)
    found = f"the oldest waiting job was created {age:.0f} s ago"
    yield warn("queue", found, "start more workers, if this goes on") if age > long_s else ok("queue", found)


def _failures(redis: Redis, records: JobRecords) -> Finding:
    over = [records.get(job_id) for job_id in records.list_kept("results", limit=-1)[-_MOST_RECORDS:]]
    since = now() - _LATELY
    late = [record for record in over if record and record.finished_at and record.finished_at > since]
    codes = Counter(record.error.code for record in late if record.error is not None)
    each = ", ".join(f"{code} {count}" for code, count in codes.most_common())
    found = f"finished in the last day: {len(late)}, of which failed: {codes.total()}" + (f" ({each})" if each else "")
    if _OURS & codes.keys():
        return warn("queue", found, "find the reason in the workers' logs, by the job's id")
    return ok("queue", found)


def _ids(ids: list[str]) -> str:
    return ", ".join(ids[:3]) + (" ..." if len(ids) > 3 else "")


def check_api(deployment: Deployment) -> Iterator[Finding]:
    """/healthz, then /readyz, at the address of the settings."""
    settings = deployment.settings
    if settings.port == 0:
        yield warn("api", "V2M_PORT is 0, so the port is not known", "set V2M_PORT to the port that the API uses")
        return
    where = url_at(settings.host, settings.port)
    try:
        status, body = _get(where, "/healthz")
    except (OSError, http.client.HTTPException) as error:
        advice = "start `v2m up` or `v2m api`, or set V2M_HOST and V2M_PORT as for the API"
        yield warn("api", f"{where} does not answer: {error}", advice)
        return
    if status != 200 or body.get("status") != "ok":
        yield fail("api", f"{where} is not this API", "another program uses the port: choose another V2M_PORT")
        return
    yield ok("api", f"{where} answers")
    yield _readiness(*_get(where, "/readyz"))


def _readiness(status: int, body: dict[str, Any]) -> Finding:
    if status == 200:
        return ok("api", f"is ready; live workers: {body.get('workers')}")
    missing = body.get("missing") or {}
    found = "; ".join(f"{name} {state}" for name, state in missing.items()) or f"/readyz answers {status}"
    return fail("api", f"is not ready: {found}", "correct what is missing; the API's log has more")


def _get(where: str, path: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON object of a response; the object is empty when the body is not one."""
    connection = http.client.HTTPConnection(where.removeprefix("http://"), timeout=_API_TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        try:
            body = json.loads(answer.read())
        except ValueError:
            body = None
        return answer.status, body if isinstance(body, dict) else {}
    finally:
        connection.close()
