"""The worker's second thread: shows that the worker lives, keeps the running job's claim, and ends what hangs."""

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
_TICK_S: Final = 0.5


@dataclass(frozen=True)
class Watched:
    """A job that is being watched.

    Attributes:
        keep_claim: renews its lease; RedisError when that cannot be done now.
        on_hung: writes why it ends, before the process does.
        on_stuck: gives it back because the worker stops; True when the process may end.
    """

    keep_claim: Callable[[], None]
    on_hung: Callable[[], None]
    on_stuck: Callable[[], bool]


class Pulse:
    """Calls ``beat`` every ``interval_s``, and looks after the job that is being watched."""

    def __init__(
        self,
        interval_s: float,
        beat: Callable[[], None],
        stopping: Callable[[], bool] = lambda: False,
        patience_s: float = float("inf"),
    ) -> None:
        """``beat`` notes that this worker lives; a RedisError from it is logged and the next beat tries again.

        Once ``stopping`` says so, the job has ``patience_s`` seconds to come to a step at which it can stop.
        """
        self._interval_s = interval_s
        self._beat = beat
        self._stopping = stopping
        self._patience_s = patience_s
        self._stop_by: float | None = None
        self._watched: Watched | None = None
        self._deadline = float("inf")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        """The first beat comes at once."""
        self._thread.start()

    def stop(self) -> None:
        """No beat comes after this returns."""
        self._ended.set()
        if self._thread.is_alive():  # it was never started, when a signal came before that
            self._thread.join()

    @contextmanager
    def watching(self, watched: Watched, limit_s: float) -> Iterator[None]:
        """Looks after a job during the block.

        RQ's own time-out interrupts Python code only. A job that is still there after ``limit_s``, deep in a C call,
        ends with its process, and its supervisor starts another. So does one that does not stop when the worker should.
        """
        self._deadline = time.monotonic() + limit_s
        self._watched = watched
        try:
            yield
        finally:
            self._watched, self._deadline = None, float("inf")

    def relax(self) -> None:
        """The job's work is over: from now on it may take as long as it likes."""
        self._deadline = float("inf")

    def _run(self) -> None:
        next_beat = time.monotonic()
        while True:
            if time.monotonic() >= next_beat:
                self._once()
                next_beat = time.monotonic() + self._interval_s
            if (watched := self._watched) is not None:
                self._end_what_hangs(watched)
            if self._ended.wait(min(self._interval_s, _TICK_S)):
                return

    def _once(self) -> None:
        watched = self._watched
        try:
            self._beat()
            if watched is not None:
                watched.keep_claim()
        except RedisError as error:
            log.warning("heartbeat_missed", error=str(error))
        except Exception:  # without this thread the worker would pass for dead, and nobody would end what hangs
            log.exception("heartbeat_broken")

    def _end_what_hangs(self, watched: Watched) -> None:
        now = time.monotonic()
        if now > self._deadline:
            log.error("job_hung", exit_status=HUNG_EXIT_STATUS)
            try:
                watched.on_hung()
            finally:
                os._exit(HUNG_EXIT_STATUS)
        if self._stop_by is None:
            self._stop_by = now + self._patience_s if self._stopping() else None
        elif now > self._stop_by:
            try:
                if watched.on_stuck():
                    os._exit(0)
            except RedisError as error:  # it is found lost, if Redis stays away
                log.warning("job_not_given_back", error=str(error))
