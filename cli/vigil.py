"""When a worker that runs, and yet shows no life, is beyond waiting for: stopped, or stuck in a C call for good."""

import time
from collections.abc import Callable
from typing import Final

_LONGEST_STEP_S: Final = 5.0


class Vigil:
    """Counts how long one process has not been seen live, on a clock of our own that nobody can set.

    Only time in which it could have been seen counts: none while Redis does not answer, and little when this process
    itself was stopped for a while.
    """

    def __init__(self, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """``patience_s``: seconds after which a silent process is given up; ``clock`` gives seconds."""
        self._patience_s = patience_s
        self._clock = clock
        self._pid: int | None = None
        self._seen = False
        self._silent_s = 0.0
        self._looked_at: float | None = None

    def given_up(self, pid: int | None, live: bool | None) -> bool:
        """Notes one look at the process; True when it was live once and has been silent for too long since then.

        ``pid`` None: it does not run. ``live`` None: Redis did not answer.
        """
        now = self._clock()
        if pid != self._pid:
            self._pid, self._seen, self._silent_s, self._looked_at = pid, False, 0.0, None
        if live is None:
            self._looked_at = None  # the time until it answers again tells nothing either
            return False
        if live:
            self._seen, self._silent_s = True, 0.0
        elif self._seen and self._looked_at is not None:
            self._silent_s += min(_LONGEST_STEP_S, now - self._looked_at)
        self._looked_at = now
        if self._silent_s <= self._patience_s:
            return False
        self._silent_s = 0.0  # should it survive what is done about it, that is said again later, and not at once
        return True
