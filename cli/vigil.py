"""The watchdog of a worker process: finds one that runs but sends no heartbeat, because it is stopped or stuck."""

import time
from collections.abc import Callable
from typing import Final

_LONGEST_STEP_S: Final = 5.0


class WorkerWatchdog:
    """Measures how long one process has sent no heartbeat, on a clock that cannot be set.

    Only time in which a heartbeat could have been seen counts: none while Redis does not answer, and little while this
    process itself was stopped.
    """

    def __init__(self, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """``patience_s``: seconds without a heartbeat that are too many; ``clock`` gives seconds."""
        self._patience_s = patience_s
        self._clock = clock
        self._pid: int | None = None
        self._was_live = False
        self._silent_s = 0.0
        self._checked_at: float | None = None

    def is_stuck(self, pid: int | None, live: bool | None) -> bool:
        """Notes one check; True if the process was live before and has sent no heartbeat for too long.

        Args:
            pid: the process, None if it does not run. A new one starts anew.
            live: True after a recent heartbeat, None if Redis did not answer.
        """
        now = self._clock()
        if pid != self._pid:
            self._pid, self._was_live, self._silent_s, self._checked_at = pid, False, 0.0, None
        if live is None:
            self._checked_at = None  # the time until Redis answers again does not count either
            return False
        if live:
            self._was_live, self._silent_s = True, 0.0
        elif self._was_live and self._checked_at is not None:
            self._silent_s += min(_LONGEST_STEP_S, now - self._checked_at)
        self._checked_at = now
        if self._silent_s <= self._patience_s:
            return False
        self._silent_s = 0.0  # if the process survives being killed, this is said again later, not at every check
        return True
