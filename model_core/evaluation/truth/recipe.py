"""Recipe of the truth set, all from one seed: kinds, lengths, rates and shapes of the clips, and their events."""

from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from model_core.evaluation.truth.pictures import Size

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
        """The clip from the output of to_json, with the file in `folder`."""
        events = tuple(Event(**event) for event in fields["events"])
        return cls(**{**fields, "path": folder / fields["path"], "events": events})


RATES: Final = (
    Fraction(25),
    Fraction(24),
    Fraction(30),
    Fraction(60),
    Fraction(24000, 1001),
    Fraction(50),
    Fraction(30000, 1001),
    Fraction(15),
    Fraction(12),
)
LANDSCAPE: Final[Size] = (180, 320)
PORTRAIT: Final[Size] = (320, 180)
PLAN: Final = {
    "cut": 20,
    "footage": 12,
    "dissolve": 7,
    "flash": 6,
    "move": 6,
    "dance": 9,
    "fade": 5,
    "nothing": 7,
    "mixed": 6,
}
"""Clips of each kind: hard cuts between textures, hard cuts between real shots, dissolves, flashes of one to three
frames, whips of the camera, something moving in rhythm, fades to black and up again, no event at all, and cuts, flashes
and dissolves together."""
LONG_S: Final = {"cut": (45.0, 180.0), "footage": (35.0,), "dance": (30.0,), "mixed": (90.0,)}
"""Lengths of the last clips of a kind."""
PACES: Final = {"usual": (0.9, 3.0), "fast": (0.42, 0.7), "sparse": (3.0, 5.0)}
"""Least and largest distance of two events, in seconds."""
END_S: Final = 0.8
"""No event is nearer to an end."""


@dataclass(frozen=True)
class Spec:
    """One clip that is to be.

    Attributes:
        kind: a key of PLAN.
        number: within the kind.
        duration: seconds.
        rate: frames a second.
        variable: True when frames are dropped and their distances uneven.
        size: rows and columns.
        pace: a key of PACES.
        graded: True when the sizes of the events differ.
    """

    kind: str
    number: int
    duration: float
    rate: Fraction
    variable: bool
    size: Size
    pace: str
    graded: bool

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return f"{self.kind}-{self.number:02d}"


def recipe(footage: bool, seed: int = 0) -> list[Spec]:
    """All clips, kinds in turn, so that any beginning of the list is a spread of them; long ones come last."""
    specs = []
    for place, (kind, count) in enumerate(PLAN.items()):
        if kind == "footage" and not footage:
            continue
        rng = np.random.default_rng([seed, place])
        long = LONG_S.get(kind, ())
        for number in range(count):
            duration = float(rng.uniform(8, 14)) if number else 5.0
            specs.append(
                Spec(
                    kind,
                    number,
                    duration if number < count - len(long) else long[number - count],
                    RATES[(number + place) % len(RATES)],
                    variable=number % 5 == 3,
                    size=PORTRAIT if number % 6 == 4 else LANDSCAPE,
                    pace={2: "fast", 5: "sparse"}.get(number % 7, "usual"),
                    graded=number % 3 == 1,
                )
            )
    return sorted(specs, key=lambda spec: (spec.duration > 20, spec.number))


def event_times(rng: np.random.Generator, duration: float, pace: str) -> list[float]:
    """Uneven times in seconds, on no beat by design."""
    least, most = PACES[pace]
    times, time = list[float](), END_S + float(rng.uniform(0, 1))
    while time < duration - END_S:
        times.append(time)
        time += float(rng.uniform(least, most))
    return times
