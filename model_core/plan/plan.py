"""Header and plan of a piece of music, fixed before the flow samples its latents, and the vocabulary of headers.

Each model folder has its own vocabulary, so models with another one than VOCABULARY work too.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_core.plan.tempo_map import TempoMap

METERS: Final = {"4/4": 4, "3/4": 3, "6/8": 3}
"""Quarter notes in a bar of each meter; listeners count 6/8 as two dotted quarters."""
ROLES: Final = ("bass", "chords", "lead", "arp", "drums")


@dataclass(frozen=True)
class Vocabulary:
    """Allowed values of a header.

    Attributes:
        styles: names of styles.
        meters: keys of METERS.
        programs: General MIDI programs, 0-based, of each of ROLES; for drums the kit, see DRUM_SETS.
        bpm: lowest and highest tempo in quarter notes per minute.
    """

    styles: tuple[str, ...]
    meters: tuple[str, ...]
    programs: dict[str, tuple[int, ...]]
    bpm: tuple[float, float]

    @property
    def dimension(self) -> int:
        """Length of a header's vector."""
        meters = len(self.meters) if len(self.meters) > 1 else 0
        return len(self.styles) + meters + 5 + sum(1 + len(choices) for choices in self.programs.values())

    @property
    def mode_column(self) -> int:
        """Column of the mode in a header's vector, after styles, meters, tempo and swing."""
        return len(self.styles) + (len(self.meters) if len(self.meters) > 1 else 0) + 2

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> "Vocabulary":
        """Read a vocabulary from its as_json form.

        Raises:
            ValueError: a name is missing, a meter unknown, or a list empty.
        """
        try:
            found = cls(
                tuple(map(str, given["styles"])),
                tuple(map(str, given["meters"])),
                {role: tuple(map(int, given["programs"][role])) for role in ROLES},
                (float(given["bpm"][0]), float(given["bpm"][1])),
            )
        except (KeyError, IndexError, TypeError) as error:
            roles = ", ".join(ROLES)
            raise ValueError(f"vocabulary: styles, meters, programs of {roles} and bpm are needed") from error
        if not found.styles or not found.meters or not all(found.programs.values()):
            raise ValueError("vocabulary: styles, meters and the programs of each role must not be empty")
        if unknown := set(found.meters) - set(METERS):
            raise ValueError(f"vocabulary: meters: {', '.join(sorted(unknown))}; known are {', '.join(METERS)}")
        return found

    def as_json(self) -> dict[str, Any]:
        """The vocabulary as lists and numbers, ready for JSON."""
        programs = {role: list(choices) for role, choices in self.programs.items()}
        return {"styles": list(self.styles), "meters": list(self.meters), "programs": programs, "bpm": list(self.bpm)}


VOCABULARY: Final = Vocabulary(
    styles=(
        "trailer", "orchestral", "tension", "lofi", "synthwave", "house", "hiphop", "pop", "rock", "funk", "jazz",
        "acoustic", "corporate", "ambient", "piano", "latin", "chiptune", "comedy",
    ),
    meters=tuple(METERS),
    programs={
        "bass": (32, 33, 34, 35, 36, 38, 39, 43, 48, 58, 87),
        "chords": (0, 4, 5, 6, 16, 18, 24, 25, 26, 27, 29, 30, 48, 49, 52, 61, 62, 80, 81, 89, 90, 91),
        "lead": (0, 11, 22, 26, 29, 30, 40, 42, 56, 57, 59, 60, 65, 66, 68, 70, 71, 73, 75, 79, 80, 81),
        "arp": (0, 9, 10, 11, 12, 13, 21, 24, 27, 28, 45, 46, 48, 80, 81),
        "drums": (0, 8, 16, 24, 25, 32, 40, 48, 128, 129),
    },
    bpm=(56.0, 168.0),
)  # fmt: skip
"""Vocabulary of the composer, and of the models that are trained on its corpus."""


STYLES: Final = VOCABULARY.styles
PROGRAMS: Final = VOCABULARY.programs
BPM_RANGE: Final = VOCABULARY.bpm
HEADER_DIM: Final = VOCABULARY.dimension


@dataclass(frozen=True)
class Header:
    """Properties that hold for a whole piece: style, tempo, meter and instruments.

    Attributes:
        style: a style of the vocabulary.
        bpm: tempo in quarter notes per minute.
        swing: 0 (straight) .. 1 (off-beat sixteenths a third of a step late).
        minor: True for minor; the grid is in C major or A minor.
        programs: General MIDI program of each role, from the vocabulary.
        parts: roles that may play.
        energy: overall intensity, 0..1.
        density: number of layers that play at once, 0..1.
        meter: a key of METERS.
    """

    style: str
    bpm: float
    swing: float
    minor: bool
    programs: dict[str, int]
    parts: frozenset[str]
    energy: float
    density: float
    meter: str = "4/4"

    @property
    def beats_per_bar(self) -> int:
        """Quarter notes in a bar."""
        return METERS[self.meter]

    @property
    def felt_bpm(self) -> float:
        """Tempo as a listener counts it: in 6/8 dotted quarters."""
        return self.bpm / 1.5 if self.meter == "6/8" else self.bpm

    def vector(self, vocabulary: Vocabulary = VOCABULARY) -> NDArray[np.float32]:
        """The header as a condition of the flow, shape (vocabulary.dimension,), values roughly within -1..1."""
        low, high = vocabulary.bpm
        values = [float(self.style == style) for style in vocabulary.styles]
        if len(vocabulary.meters) > 1:
            values += [float(self.meter == meter) for meter in vocabulary.meters]
        values += [2 * (self.bpm - low) / (high - low) - 1, self.swing, 1.0 if self.minor else -1.0]
        values += [2 * self.energy - 1, 2 * self.density - 1]
        for role, choices in vocabulary.programs.items():
            present = role in self.parts
            values.append(float(present))
            values += [float(present and self.programs[role] == program) for program in choices]
        return np.array(values, np.float32)


@dataclass(frozen=True)
class Plan:
    """Plan of any model.

    Attributes:
        duration: length of the music in seconds, more than 0.
        seed: seed of all random choices in rendering.
    """

    duration: float
    seed: int


@dataclass(frozen=True)
class ScorePlan(Plan):
    """Plan of a score model: a piece with a header, a key and a tempo map.

    Attributes:
        header: style, tempo, meter, mode, parts and instruments.
        key: semitones by which the grid's C major or A minor is transposed when rendered, -5..6.
        tempo: times of the beats.
    """

    header: Header
    key: int
    tempo: TempoMap
