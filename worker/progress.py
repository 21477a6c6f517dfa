"""Steps of progress are written to the record a few times a second."""

import time
from typing import Final

_MIN_INTERVAL_S: Final = 0.2


class Throttle:
    """Says whether a step of progress is worth a write: a new stage always is, otherwise five times a second."""

    def __init__(self) -> None:
        self._stage = ""
        self._written = 0.0

    def lets_pass(self, stage: str) -> bool:
        """True when this step should be written; notes it as written."""
        now = time.monotonic()
        if stage == self._stage and now - self._written < _MIN_INTERVAL_S:
            return False
        self._stage, self._written = stage, now
        return True
