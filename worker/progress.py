"""From the stages of one score to one number that only grows, written to the record a few times a second."""

import time
from typing import Final

from model_core.options import STAGES

# Share of the wall time that each stage takes on a CPU, roughly; they need not be exact, only steady.
_SHARES: Final = {"probe": 0.02, "curve": 0.23, "plan": 0.02, "generate": 0.5, "render": 0.13, "mux": 0.1}
_MIN_INTERVAL_S: Final = 0.2


def overall(stage: str, fraction: float) -> float:
    """Progress of the whole job in 0..1, with ``fraction`` of ``stage`` done; ValueError for an unknown stage."""
    before = sum(_SHARES[name] for name in STAGES[: STAGES.index(stage)])
    return min(1.0, before + _SHARES[stage] * min(max(fraction, 0.0), 1.0))


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
