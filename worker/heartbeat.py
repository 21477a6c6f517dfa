"""Heartbeat thread of a worker, which also renews the lease of the current job and watches its deadline."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from redis.exceptions import RedisError

log: Final = structlog.get_logger(__name__)
HUNG_EXIT_STATUS: Final = 75
"""Exit status of a process whose job ran past its deadline."""
_TICK_S: Final = 0.5


@dataclass(frozen=True)
class WatchedJob:
    """Callbacks for the job that is being watched.

    Attributes:
        renew_lease: renews the job's lease; RedisError when Redis is unavailable now.
        on_hung: writes the error of a job past its deadline, just before the process ends.
        on_stuck: requeues a job that does not stop in time; returns True when the process may end.
    """

    renew_lease: Callable[[], None]
    on_hung: Callable[[], None]
    on_stuck: Callable[[], bool]


class Heartbeat:
    """Sends a heartbeat every ``interval_s`` seconds, and ends the process when the watched job hangs."""

    def __init__(
        self,
        interval_s: float,
        send: Callable[[], None],
        is_stopping: Callable[[], bool] = lambda: False,
        patience_s: float = float("inf"),
    ) -> None:
        """``send`` records a heartbeat of this worker; after a RedisError, which is logged, the next one is on time.

        Once ``is_stopping`` returns True, the job has ``patience_s`` seconds to reach a step at which it can stop.
        """
        self._interval_s = interval_s
        self._send = send
        self._is_stopping = is_stopping
        self._patience_s = patience_s
        self._stop_by: float | None = None
        self._watched: WatchedJob | None = None
        self._deadline = float("inf")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Starts the thread, which sends the first heartbeat at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stops the thread; no heartbeat is sent after this returns."""
        self._ended.set()
        if self._thread.is_alive():  # not so when a signal came before `start`
            self._thread.join()

    @contextmanager
    def watch(self, job: WatchedJob, limit_s: float) -> Iterator[None]:
        """Watches a job during the block.

        RQ's own timeout interrupts Python code only. When a job is still running after ``limit_s`` seconds, for example
        deep in a C call, the process ends, and its supervisor starts another. The same happens when the job does not
        stop in time although the worker should.
        """
        self._deadline = time.monotonic() + limit_s
        self._watched = job
        try:
            yield
        finally:
            self._watched, self._deadline = None, float("inf")

    def clear_deadline(self) -> None:
        """Removes the deadline of the watched job: its work is done, and its outcome may wait for Redis."""
        self._deadline = float("inf")

    def _run(self) -> None:
        next_heartbeat = time.monotonic()
        while True:
            if time.monotonic() >= next_heartbeat:
                self._send_once()
                next_heartbeat = time.monotonic() + self._interval_s
            if (job := self._watched) is not None:
                self._end_hung(job)
            if self._ended.wait(min(self._interval_s, _TICK_S)):
                return

    def _send_once(self) -> None:
        job = self._watched
        try:
            self._send()
            if job is not None:
                job.renew_lease()
        except RedisError as error:
            log.warning("heartbeat_missed", error=str(error))
        except Exception:  # without this thread the worker would look dead, and hung jobs would never end
            log.exception("heartbeat_broken")

    def _end_hung(self, job: WatchedJob) -> None:
        """Ends the process when the job is past its deadline, or did not stop in time."""
        now = time.monotonic()
        if now > self._deadline:
            log.error("job_hung", exit_status=HUNG_EXIT_STATUS)
            try:
                job.on_hung()
            finally:
                os._exit(HUNG_EXIT_STATUS)
        if self._stop_by is None:
            self._stop_by = now + self._patience_s if self._is_stopping() else None
        elif now > self._stop_by:
            try:
                if job.on_stuck():
                    os._exit(0)
            except RedisError as error:  # if Redis stays unavailable, another worker finds the job as lost
                log.warning("job_not_given_back", error=str(error))
