"""Header and form of a piece: tempo, meter and instruments of its style, and its sections.

Now and then a header has what its style never has. Users ask for a waltz with a choir in house music sooner or later:
the corpus has every combination, in a share of pieces so small that the style's own choices stay by far the likeliest.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from model_core.plan.plan import BPM_RANGE, METERS, PROGRAMS, Header
from model_core.training.composer.styles import STYLE_TABLE, Style


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


_STRANGE_PROGRAM_ODDS: Final = 0.12
_STRANGE_PART_ODDS: Final = 0.06
_STRANGE_TEMPO_ODDS: Final = 0.15
_TEMPO_STRETCH: Final = 1.35
_LEAST_MODE_ODDS: Final = 0.1
_LEAST_TRIPLE_ODDS: Final = 0.02
_SOLO_ODDS: Final = 0.08
_SHARED: Final = ("chords", "lead", "arp")


def draw_header(style: str, rng: np.random.Generator) -> Header:
    """A header of a style; its density is 0 until the form is known."""
    table = STYLE_TABLE[style]
    triple = [max(odds, _LEAST_TRIPLE_ODDS) for odds in table.triple]
    header = Header(
        style=style,
        bpm=float(rng.uniform(*_tempi(table, rng))),
        swing=float(rng.uniform(0.6, 1.0) * table.swing),
        minor=bool(rng.random() < np.clip(table.minor, _LEAST_MODE_ODDS, 1 - _LEAST_MODE_ODDS)),
        programs={role: _program(style, role, rng) for role in table.programs},
        parts=_parts(style, rng),
        energy=float(np.clip(rng.normal(0.55, 0.22), 0.1, 0.95)),
        density=0.0,
        meter=str(rng.choice(list(METERS), p=(1 - sum(triple), *triple))),
    )
    return _alone(header, rng) if rng.random() < _SOLO_ODDS else header


def _tempi(table: Style, rng: np.random.Generator) -> tuple[float, float]:
    stretch = _TEMPO_STRETCH if rng.random() < _STRANGE_TEMPO_ODDS else 1.0
    return max(BPM_RANGE[0], table.bpm[0] / stretch), min(BPM_RANGE[1], table.bpm[1] * stretch)


def _program(style: str, role: str, rng: np.random.Generator) -> int:
    strange = style != "piano" and role != "drums" and rng.random() < _STRANGE_PROGRAM_ODDS
    return int(rng.choice(PROGRAMS[role] if strange else STYLE_TABLE[style].programs[role]))


def _parts(style: str, rng: np.random.Generator) -> frozenset[str]:
    table = STYLE_TABLE[style]
    parts = {part for part, chance in table.odds.items() if rng.random() < chance}
    if style == "piano":
        return frozenset({"chords"} | (parts or {"lead"}))
    strange = {part for part in table.odds if rng.random() < _STRANGE_PART_ODDS}
    return frozenset({"chords"} | (parts ^ strange))


def _alone(header: Header, rng: np.random.Generator) -> Header:
    """The same with one instrument that plays alone, in every role that can have it or in some of them."""
    role = str(rng.choice(sorted(header.parts)))
    program = header.programs[role]
    others = [other for other in _SHARED if role in _SHARED and program in PROGRAMS[other] and rng.random() < 0.7]
    programs = header.programs | dict.fromkeys(others, program)
    return replace(header, parts=frozenset({role, *others}), programs=programs)
