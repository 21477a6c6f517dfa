"""What waits, what is under way, and whether our records and RQ's list tell the same."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from redis import Redis

from cli.doctor.finding import Deployment, Finding, fail, ok, warn
from jobs.queue import JobQueue
from jobs.record import JobRecord, JobStatus, now
from jobs.repository import JobRecords

_SUBJECT: Final = "queue"
_NEARLY: Final = 0.8
_LOOKED_AT: Final = 2000  # records of open jobs, and of jobs that are over
_LATELY: Final = timedelta(days=1)
_OURS: Final = frozenset({"internal", "out_of_memory", "storage", "timeout", "upload_missing", "worker_lost"})
"""Codes of failures that no other input would have prevented, or that whoever runs this can do something about."""


def check(deployment: Deployment) -> Iterator[Finding]:
    """The numbers, then what hangs, then what failed lately."""
    if deployment.redis is None:
        return
    redis, settings = deployment.redis, deployment.settings
    records = JobRecords(redis, settings.record_retention_s)
    queue = JobQueue(redis, records, settings)
    waiting = set(queue.list_waiting())
    open_ids = records.list_open()
    found = [record for record in map(records.get, open_ids[:_LOOKED_AT]) if record]
    running = [record for record in found if record.status is JobStatus.IN_PROGRESS]
    yield _length(len(waiting), settings.max_queued, len(running))
    yield from _oldest([record for record in found if record.id in waiting], settings.job_timeout_s)
    mended = f"a live worker sees to it within {settings.maintenance_s} s; if none does, read the workers' logs"
    silent = [record.id for record in running if records.lease_age_s(record.id) > settings.heartbeat_ttl_s]
    if silent:
        yield warn(_SUBJECT, f"{len(silent)} in progress by nobody: {_ids(silent)}", mended)
    missed = [record.id for record in found if record.status is JobStatus.QUEUED and record.id not in waiting]
    if missed:
        yield warn(_SUBJECT, f"{len(missed)} queued, but not in RQ's list: {_ids(missed)}", mended)
    yield _failures(redis, records)


def _length(waiting: int, most: int, running: int) -> Finding:
    found = f"{waiting} waiting, {running} in progress"
    if waiting >= most:
        return fail(_SUBJECT, f"{found}: full, others are refused", "start more workers, or raise V2M_MAX_QUEUED")
    if waiting > _NEARLY * most:
        return warn(_SUBJECT, f"{found}: nearly full, at most {most} may wait", "start more workers")
    return ok(_SUBJECT, found)


def _oldest(waiting: list[JobRecord], long_s: float) -> Iterator[Finding]:
    if not waiting:
        return
    age = max((now() - record.created_at).total_seconds() for record in waiting)
    found = f"the oldest that waits was made {age:.0f} s ago"
    yield warn(_SUBJECT, found, "start more workers, if this goes on") if age > long_s else ok(_SUBJECT, found)


def _failures(redis: Redis, records: JobRecords) -> Finding:
    over = [records.get(job_id) for job_id in records.list_kept("results", limit=-1)[-_LOOKED_AT:]]
    since = now() - _LATELY
    late = [record for record in over if record and record.finished_at and record.finished_at > since]
    codes = Counter(record.error.code for record in late if record.error is not None)
    told = ", ".join(f"{code} {count}" for code, count in codes.most_common())
    found = f"ended in the last day: {len(late)}, of which failed: {codes.total()}" + (f" ({told})" if told else "")
    if _OURS & codes.keys():
        return warn(_SUBJECT, found, "find the reason in the workers' logs, by the job's id")
    return ok(_SUBJECT, found)


def _ids(ids: list[str]) -> str:
    return ", ".join(ids[:3]) + (" ..." if len(ids) > 3 else "")
