"""The worker's second thread: shows that the worker lives, keeps the running job's claim, and ends a job that hangs."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from redis.exceptions import RedisError

log: Final = structlog.get_logger(__name__)
HUNG_EXIT_STATUS: Final = 75


class Pulse:
    """Calls ``beat`` every ``interval_s``, and ``keep_claim`` of the job that is being watched."""

    def __init__(self, interval_s: float, beat: Callable[[], None]) -> None:
        """``beat`` notes that this worker lives; a RedisError from it is logged and the next beat tries again."""
        self._interval_s = interval_s
        self._beat = beat
        self._claim: Callable[[], None] | None = None
        self._deadline = float("inf")
        self._on_hung: Callable[[], None] | None = None
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
    def watching(self, keep_claim: Callable[[], None], limit_s: float, on_hung: Callable[[], None]) -> Iterator[None]:
        """Keeps a job's claim during the block.

        RQ's own time-out interrupts Python code only. A job that is still there after ``limit_s``, deep in a C call,
        ends with its process: ``on_hung`` writes why, then the process exits, and its supervisor starts another.
        """
        self._deadline = time.monotonic() + limit_s
        self._on_hung = on_hung
        self._claim = keep_claim
        try:
            yield
        finally:
            self._claim, self._on_hung, self._deadline = None, None, float("inf")

    def _run(self) -> None:
        while True:
            self._once()
            if self._ended.wait(self._interval_s):
                return

    def _once(self) -> None:
        claim, on_hung, deadline = self._claim, self._on_hung, self._deadline
        try:
            self._beat()
            if claim is not None:
                claim()
        except RedisError as error:
            log.warning("heartbeat_missed", error=str(error))
        except Exception:  # without this thread the worker would pass for dead, and nobody would end what hangs
            log.exception("heartbeat_broken")
        if on_hung is not None and time.monotonic() > deadline:
            log.error("job_hung", exit_status=HUNG_EXIT_STATUS)
            try:
                on_hung()
            finally:
                os._exit(HUNG_EXIT_STATUS)
