"""What is known of a generated video."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

Kind = Literal["cut", "dissolve", "flash", "move", "beat", "fade"]


@dataclass(frozen=True)
class Event:
    """A change of the picture.

    Attributes:
        time: seconds; of the first changed frame for a cut or a flash, of the reversal for a beat, else the middle.
        size: how much changes, in 0..1, 1 being another picture altogether.
        kind: what changes.
        length: seconds that the change takes.
    """

    time: float
    size: float
    kind: Kind
    length: float = 0.0


@dataclass(frozen=True)
class TruthClip:
    """A video file and its events.

    Attributes:
        path: MP4 without sound.
        kind: what sort of clip it is; see recipe.py.
        events: in the order of time.
        duration: seconds.
        fps: frames a second, on average where the rate varies.
        bpm: tempo of the motion, for a dance.
    """

    path: Path
    kind: str
    events: tuple[Event, ...]
    duration: float
    fps: float
    bpm: float | None

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds of all events, shape (K,)."""
        return np.array([event.time for event in self.events], np.float64)

    def to_json(self) -> dict[str, Any]:
        """For the manifest; the file by its name alone."""
        return {**asdict(self), "path": self.path.name}

    @classmethod
    def from_json(cls, folder: Path, fields: dict[str, Any]) -> Self:
        """What to_json wrote, with the file in `folder`."""
        events = tuple(Event(**event) for event in fields["events"])
        return cls(**{**fields, "path": folder / fields["path"], "events": events})
