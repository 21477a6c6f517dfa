"""The header of a piece: what its style usually has, and now and then what it never has.

A model is asked for a waltz with a choir in house music sooner or later: every combination has to have been seen, in a
share of pieces so small that the style's own choices stay by far the likeliest.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from model_core.plan.header import BPM_RANGE, PROGRAMS, Header
from model_core.plan.vocabulary import METERS
from model_core.training.composer.styles import STYLE_TABLE, Style

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
