"""The header of a piece: what stays the same from its first bar to its last, as values and as a vector."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

STYLES: Final = ("cinematic", "tension", "synthwave", "house", "lofi", "acoustic", "ambient", "piano")

# General MIDI programs (0-based) that a part may have; the drum kit counts as one too.
PROGRAMS: Final = {
    "bass": (32, 33, 35, 38, 39, 43, 48, 87),
    "chords": (0, 4, 24, 25, 48, 49, 61, 89, 90, 91),
    "lead": (0, 11, 22, 40, 42, 56, 60, 71, 73, 80, 81),
    "arp": (0, 10, 11, 12, 24, 45, 46, 48, 80, 81),
    "drums": (0, 8, 16, 24, 25, 32, 40, 48),
}
BPM_RANGE: Final = (56.0, 144.0)


@dataclass(frozen=True)
class Header:
    """Style, tempo and instrumentation of a piece.

    Attributes:
        style: one of STYLES.
        bpm: tempo in beats per minute.
        swing: 0 (straight) .. 1 (off-beat sixteenths a third of a step late).
        minor: mode; the grid is C major or A minor.
        programs: General MIDI program of each role, from PROGRAMS.
        parts: the roles that may play.
        energy: overall intensity, 0..1.
        density: how many layers play at once, 0..1.
    """

    style: str
    bpm: float
    swing: float
    minor: bool
    programs: dict[str, int]
    parts: frozenset[str]
    energy: float
    density: float

    def vector(self) -> NDArray[np.float32]:
        """The condition of the flow, shape (HEADER_DIM,), each value about within -1..1."""
        low, high = BPM_RANGE
        values = [float(self.style == style) for style in STYLES]
        values += [2 * (self.bpm - low) / (high - low) - 1, self.swing, 1.0 if self.minor else -1.0]
        values += [2 * self.energy - 1, 2 * self.density - 1]
        for role, choices in PROGRAMS.items():
            present = role in self.parts
            values.append(float(present))
            values += [float(present and self.programs[role] == program) for program in choices]
        return np.array(values, np.float32)


HEADER_DIM: Final = len(STYLES) + 5 + sum(1 + len(choices) for choices in PROGRAMS.values())
