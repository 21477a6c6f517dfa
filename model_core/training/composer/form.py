"""Form: sections of uneven length, each with an energy, the parts that play in it, and the material it is made of."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from model_core.codecs.score.header import Header


@dataclass(frozen=True)
class Section:
    """A stretch of the piece.

    Attributes:
        name: its place in the form.
        first_beat, beats: where it lies.
        energy: 0..1.
        parts: what plays in it.
        material: 0 or 1, which of the piece's two sets of ideas it uses.
        lift: semitones by which its register lies above the piece's.
    """

    name: str
    first_beat: int
    beats: int
    energy: float
    parts: frozenset[str]
    material: int
    lift: int


# name: energy, odds of each part, what may follow.
_FORM: Final[dict[str, tuple[float, dict[str, float], tuple[str, ...]]]] = {
    "intro": (0.3, {"drums": 0.3, "bass": 0.3, "lead": 0.1, "arp": 0.6}, ("verse", "verse", "build", "drop")),
    "verse": (0.5, {"drums": 0.9, "bass": 1, "lead": 0.6, "arp": 0.4}, ("build", "drop", "drop", "bridge", "break")),
    "build": (0.65, {"drums": 1, "bass": 0.6, "lead": 0.2, "arp": 0.9}, ("drop",)),
    "drop": (0.95, {"drums": 1, "bass": 1, "lead": 0.9, "arp": 0.8}, ("break", "verse", "bridge", "break")),
    "break": (0.22, {"drums": 0.05, "bass": 0.3, "lead": 0.6, "arp": 0.5}, ("build", "drop", "verse", "drop")),
    "bridge": (0.6, {"drums": 0.6, "bass": 1, "lead": 0.8, "arp": 0.6}, ("drop", "build", "break")),
}
_LENGTHS: Final = (3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24)
_ODDS: Final = (0.05, 0.17, 0.06, 0.1, 0.06, 0.22, 0.05, 0.11, 0.1, 0.03, 0.05)
_ENDING_BEATS: Final = 4


def draw_form(header: Header, beats: int, rng: np.random.Generator) -> list[Section]:
    """Sections that fill ``beats`` beats, the last one the ending."""
    sections: list[Section] = []
    at, name = 0, str(rng.choice(["intro", "verse", "drop", "break"]))
    pace = float(rng.choice([0.7, 1.0, 1.0, 1.5]))
    while at < beats - _ENDING_BEATS:
        energy, odds, following = _FORM[name]
        length = max(3, round(int(rng.choice(_LENGTHS, p=_ODDS)) * pace))
        left = beats - _ENDING_BEATS - at
        length = left if left - length < 3 else length
        parts = {"chords"} | {part for part, chance in odds.items() if part in header.parts and rng.random() < chance}
        if sections and parts == sections[-1].parts:
            # A change that cannot be heard is no change: one layer comes or goes.
            choice = sorted(header.parts - {"chords"})
            if choice:
                parts ^= {str(rng.choice(choice))}
        level = float(np.clip(energy * (0.6 + 0.8 * header.energy) + rng.normal(0, 0.05), 0.1, 1.0))
        lift = int(rng.choice([0, 5, 7])) if name in ("drop", "bridge") else int(rng.choice([0, 0, -5]))
        sections.append(Section(name, at, length, level, frozenset(parts), int(name in ("drop", "bridge")), lift))
        at += length
        name = str(rng.choice(following))
    sections.append(Section("ending", at, beats - at, header.energy, frozenset({"chords", "bass"}) & header.parts, 0, 0))
    return sections
