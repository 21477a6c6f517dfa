"""Form: sections of uneven length, each with an energy, the parts that play in it, and the material it is made of."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from model_core.plan.header import Header


@dataclass(frozen=True)
class Section:
    """A stretch of the piece.

    Attributes:
        name: its place in the form.
        first_beat, beats: where it lies.
        energy: 0..1.
        parts: what plays in it.
        material: 0, 1 or 2, which of the piece's sets of ideas it uses.
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
    "intro": (0.3, {"drums": 0.3, "bass": 0.3, "lead": 0.15, "arp": 0.6}, ("verse", "verse", "build", "chorus")),
    "verse": (0.5, {"drums": 0.9, "bass": 1, "lead": 0.6, "arp": 0.4},
              ("build", "chorus", "bridge", "break", "chorus")),
    "build": (0.65, {"drums": 1, "bass": 0.6, "lead": 0.2, "arp": 0.9}, ("chorus",)),
    "chorus": (0.95, {"drums": 1, "bass": 1, "lead": 0.9, "arp": 0.8}, ("break", "verse", "bridge", "break")),
    "break": (0.22, {"drums": 0.05, "bass": 0.3, "lead": 0.6, "arp": 0.5}, ("build", "chorus", "verse", "chorus")),
    "bridge": (0.6, {"drums": 0.6, "bass": 1, "lead": 0.8, "arp": 0.6}, ("chorus", "build", "break")),
}  # fmt: skip
_FIRST: Final = ("intro", "intro", "verse", "chorus", "break")
_MATERIAL: Final = {"chorus": 1, "bridge": 2}
_LIFTS: Final = {"chorus": (5, 7), "bridge": (3, 5), "break": (-5, 0, 7)}
# Bars of a section where the form is busy, at ease, and calm; a piece goes from one pace to another.
_BARS: Final = {"busy": (1, 1, 1, 2, 2), "easy": (1, 2, 2, 3, 4), "calm": (4, 4, 5, 6)}
_PACES: Final = ("busy", "easy", "calm")
_STAY: Final = 0.7
_CUT_ODDS: Final = 0.25
_SHORTEST: Final = 2
_LONGEST: Final = 24


def draw_form(header: Header, beats: int, rng: np.random.Generator) -> list[Section]:
    """Sections that fill ``beats`` beats, the last one the ending."""
    bar = header.beats_per_bar
    ending = int(rng.choice([3, bar, bar]))
    usual = rng.dirichlet([1.8, 1.6, 0.8])
    sections: list[Section] = []
    name, pace = str(rng.choice(_FIRST)), str(rng.choice(_PACES, p=usual))
    at = 0
    while at < beats - ending:
        length = bar * int(rng.choice(_BARS[pace]))
        if rng.random() < _CUT_ODDS:
            length -= int(rng.integers(1, bar if length > bar else bar - 1))
        left = beats - ending - at
        if left - length < _SHORTEST:  # the last one takes what is left, as far as one section may
            length = left if left <= _LONGEST else left // 2
        sections.append(_section(name, at, length, header, sections, rng))
        at += length
        name = str(rng.choice(_FORM[name][2]))
        if rng.random() > _STAY:
            pace = str(rng.choice(_PACES, p=usual))
    last = frozenset({"chords", "bass"}) & header.parts or header.parts
    sections.append(Section("ending", at, beats - at, header.energy, last, 0, 0))
    return sections


def _section(
    name: str, at: int, length: int, header: Header, before: list[Section], rng: np.random.Generator
) -> Section:
    energy, odds, _ = _FORM[name]
    optional = header.parts - {"chords"}
    parts = {part for part in sorted(optional) if rng.random() < odds[part]}
    if before and parts == before[-1].parts - {"chords"} and optional:
        # A change that cannot be heard is no change: one layer comes or goes.
        parts ^= {str(rng.choice(sorted(optional)))}
    parts = parts | {"chords"} if "chords" in header.parts else set(header.parts)  # without chords nothing may rest
    level = float(np.clip(energy * (0.6 + 0.8 * header.energy) + rng.normal(0, 0.05), 0.1, 1.0))
    lifts = [lift for lift in _LIFTS.get(name, (-5, 0, 0)) if not before or lift != before[-1].lift] or [0]
    return Section(name, at, length, level, frozenset(parts), _MATERIAL.get(name, 0), int(rng.choice(lifts)))
