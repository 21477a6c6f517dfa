"""Whether nothing was lost: what must be true of a stack once everything has calmed down."""

import os
import time
from dataclasses import dataclass, field
from typing import Final, cast

from rq.intermediate_queue import IntermediateQueue

from jobs.record import JobStatus
from jobs.repository import LEASES_KEY, OPEN_KEY
from tests.chaos.jobs import FINAL, Job
from tests.chaos.parts import PARTS
from tests.chaos.stack import Stack

_DAY_S: Final = 25 * 3600.0
_LISTS: Final = ("rq:queue:v2m", IntermediateQueue.get_intermediate_queue_key("rq:queue:v2m"))
_RUNNING: Final = "rq:wip:v2m"


@dataclass
class Tally:
    """What came of everything that was tried; each fault is also told in words.

    Attributes:
        slowest_s: the longest that a job waited, after its worker was killed, until it ran again; and where that was.
    """

    tries: int = 0
    lost: int = 0
    doubled: int = 0
    crashed: int = 0
    left_behind: int = 0
    faults: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    slowest_at: str = ""
    skipped: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"tries {self.tries}, lost {self.lost}, doubled {self.doubled}, crashed {self.crashed}, "
            f"left behind {self.left_behind}"
        )

    @property
    def is_clean(self) -> bool:
        """True when nothing is to be complained of."""
        return not self.faults

    def ran_again(self, seconds: float, where: str) -> None:
        """A job ran again so long after its worker was killed."""
        if seconds > self.slowest_s:
            self.slowest_s, self.slowest_at = seconds, where

    def add(self, kind: str, fault: str) -> None:
        """One fault, of the kind ``lost``, ``doubled``, ``crashed`` or ``left_behind``."""
        setattr(self, kind, getattr(self, kind) + 1)
        self.faults.append(f"{kind}: {fault}")


def judge(stack: Stack, name: str, tally: Tally, patience_s: float | None = None) -> None:
    """Waits for the end of every job, lets a day pass, ends the stack, and writes what is wrong into ``tally``.

    ``patience_s``: how long the housekeeping may take; by default what its settings allow it.
    """
    if patience_s is None:
        patience_s = 20.0 + 2 * (stack.settings.heartbeat_ttl_s + stack.settings.maintenance_s)
    stack.jobs += [job for job in stack.in_doubt if stack.records.exists(job.id)]
    tally.tries += len(stack.jobs)
    _each_ends(stack, name, tally)
    _a_day_passes(stack)
    _each_is_as_it_was(stack, name, tally)
    for what in _settled(stack, patience_s):
        tally.add("left_behind", f"{name}: {what}")
    for pid in stack.end():
        tally.add("left_behind", f"{name}: process {pid}")
    _deaths(stack, name, tally)


def _each_ends(stack: Stack, name: str, tally: Tally) -> None:
    deadline = time.monotonic() + 150
    while not all(job.is_over for job in stack.jobs) and time.monotonic() < deadline:
        time.sleep(0.05)
    for job in stack.jobs:
        about = f"{name}: {job}"
        if not job.is_over:
            tally.add("lost", f"{about} has not ended: {job.seen}")
            continue
        if job.seen[-1] not in job.may_end:
            tally.add("lost", f"{about} ended as {job.seen[-1]} instead of {' or '.join(sorted(job.may_end))}")
        attempt = stack.record(job).attempt
        if job.attempts and attempt not in job.attempts:
            tally.add("lost", f"{about} took {attempt} attempts instead of {sorted(job.attempts)}")
        _download(stack, job, about, tally)


def _download(stack: Stack, job: Job, about: str, tally: Tally) -> None:
    if job.seen[-1] == "completed":
        view = stack.client.get(job.place).json()
        for wrong in job.download(stack.client, view, None if stack.model else stack.clip):
            tally.add("doubled" if "changed" in wrong else "lost", f"{about}: {wrong}")


def _a_day_passes(stack: Stack) -> None:
    """The store's files grow a day old, and a worker that starts keeps house at once."""
    then = time.time() - _DAY_S
    for folder, _, names in os.walk(stack.store):
        for name in (".", *names):
            os.utime(os.path.join(folder, name), (then, then), follow_symlinks=False)
    stack.redis.delete("v2m:store:tidied")
    stack.restart()


def _each_is_as_it_was(stack: Stack, name: str, tally: Tally) -> None:
    for job in stack.jobs:
        about = f"{name}: {job}"
        job.note(stack.client.get(job.place).json())
        ends = [status for status in job.seen if status.partition(":")[0] in FINAL]
        if len(ends) > 1 or (ends and job.seen[-1] != ends[0]):
            tally.add("doubled", f"{about} went on after its end: {job.seen}")
        _download(stack, job, about, tally)


def _settled(stack: Stack, patience_s: float) -> list[str]:
    """What is still left once the housekeeping had the time that it needs."""
    deadline = time.monotonic() + patience_s
    while (left := [*_in_redis(stack), *_in_store(stack)]) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


def _in_redis(stack: Stack) -> list[str]:
    redis = stack.redis
    left = [
        *(f"a lease of {_text(job)}" for job in redis.zrange(LEASES_KEY, 0, -1)),
        *(f"the open job {_text(job)}" for job in redis.zrange(OPEN_KEY, 0, -1)),
        *(f"RQ's running job {_text(entry)}" for entry in redis.zrange(_RUNNING, 0, -1)),
    ]
    for key in _LISTS:
        left += [f"{_text(job)} in {key}" for job in cast("list[bytes]", redis.lrange(key, 0, -1))]
    return left


def _in_store(stack: Stack) -> list[str]:
    allowed: set[str] = set()
    for job in stack.jobs:
        allowed.add(f"jobs/{job.id}/upload")
        record = stack.record(job)
        if record.status is JobStatus.COMPLETED:
            folder = f"jobs/{job.id}/results/{record.attempt}"
            allowed |= {f"{folder}/{artifact.name}" for artifact in record.artifacts.values()}
    root = stack.store
    there = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    kept = stack.settings.store_max_bytes is None
    missing = [f"nothing at {path}: a file is missing" for path in sorted(allowed - there) if kept]
    return [*missing, *(f"the file {path}" for path in sorted(there - allowed))]


def _deaths(stack: Stack, name: str, tally: Tally) -> None:
    for part in PARTS:
        deaths = [line for line in stack.deaths if line.startswith(f"v2m: the {part} ")]
        if len(deaths) > stack.caused[part]:
            tally.add(
                "crashed", f"{name}: {part} ended {len(deaths)} times, of which {stack.caused[part]} by us: {deaths}"
            )


def _text(member: object) -> str:
    return cast("bytes", member).decode()
