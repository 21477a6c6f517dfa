"""Named places in a worker at which something happens to it, made by wrapping production functions from outside.

A file in the folder of orders names the place and says what is to happen there, once: the file is used up, so that
the worker that is started next gets past it. Whoever gave the order sees ``<place>.reached``.

Orders: ``kill`` is SIGKILL, ``time-out`` is RQ's own time-out at exactly this place, and ``wait`` holds the thread
there until ``<place>.go`` exists.
"""

import functools
import os
import signal
import time
from pathlib import Path
from typing import Any, Final

from jobs.queue import JobQueue
from jobs.recovery import Reconciler
from jobs.repository import JobRecords
from jobs.retention import Retention
from jobs.store import ArtifactStore, local
from model_core.media.sandbox.parent import Sandbox
from worker.attempt import Attempt
from worker.worker import ScoreWorker

FOLDER: Final = "V2M_CHAOS_ORDERS"
"""The environment variable that names the folder of orders."""
_STAGED: Final = "set"  # the folder in which jobs.store.local puts a set together


def at(place: str) -> None:
    """Here is ``place``: does what was ordered for it, if anything was."""
    folder = Path(os.environ[FOLDER])
    reached = folder / f"{place}.reached"
    try:
        (folder / place).rename(reached)  # one process gets it, and once
    except FileNotFoundError:
        return
    order = reached.read_text()
    if order == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif order == "time-out":
        signal.raise_signal(signal.SIGALRM)
    elif order == "wait":
        while not (folder / f"{place}.go").exists():
            time.sleep(0.01)
    else:
        raise ValueError(f"{order!r} is no order")


def install() -> None:
    """Wraps what a worker calls on its way through a job and through its housekeeping."""
    _around(ScoreWorker, "execute_job", before="taken")
    _around(ScoreWorker, "prepare_execution", after="execution noted")
    _around(ScoreWorker, "prepare_job_execution", after="execution prepared")
    _around(JobRecords, "start", before="before start", after="started")
    _around(ArtifactStore, "upload", before="before the video")
    _around(Sandbox, "receive", before="in the sandbox")
    _around(ArtifactStore, "publish", before="before publish", after="published")
    _around(local.LocalFiles, "_move_in", before="before the rename")
    _around_sync()
    _around(JobRecords, "complete", before="before complete", after="completed")
    _around(ArtifactStore, "keep_only", after="old results removed")
    _around(ScoreWorker, "handle_execution_ended", before="before the bookkeeping")
    _around(ScoreWorker, "handle_job_success", before="in the bookkeeping")
    _around(ScoreWorker, "perform_job", after="after the bookkeeping")
    _around(JobRecords, "requeue", after="requeued")
    _around(JobRecords, "requeue_unstored", after="requeued unstored")
    _around(Attempt, "renew_lease", before="in the heartbeat")
    _around(Reconciler, "run", before="before reconcile")
    _around(JobRecords, "requeue_lost", before="found lost", after="requeued lost")
    _around(JobQueue, "_enqueue", after="restoring")
    _around(Retention, "expire", before="in expire")


def _around(owner: Any, name: str, before: str = "", after: str = "") -> None:
    inner = getattr(owner, name)

    @functools.wraps(inner)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before:
            at(before)
        result = inner(*args, **kwargs)
        if after:
            at(after)
        return result

    setattr(owner, name, wrapped)


def _around_sync() -> None:
    """A set of files is synced one by one before the rename, and the folders around it after that."""
    inner = local._sync

    def wrapped(path: Path) -> None:
        inner(path)
        at("first file" if path.parent.name == _STAGED else "renamed")

    local._sync = wrapped
