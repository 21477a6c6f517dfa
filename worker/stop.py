"""Why the job under way should stop."""

from dataclasses import dataclass
from typing import Literal


@dataclass
class Stop:
    """Why the job under way should stop, if it should. A plain attribute: signal handlers may not take locks."""

    reason: Literal["cancel", "shutdown"] | None = None

    def clear_cancel(self) -> None:
        """Forgets a cancel, which was for one job; a shutdown stays."""
        if self.reason == "cancel":
            self.reason = None

    @property
    def is_final(self) -> bool:
        """True when the worker itself is to stop."""
        return self.reason == "shutdown"
