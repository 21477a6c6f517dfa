"""Vocabulary of a score model: its styles, meters, tempi and General MIDI programs.

Each model folder has its own vocabulary, so models with another one than VOCABULARY work too.
"""

from dataclasses import dataclass
from typing import Any, Final

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
