"""Prompt following: named instruments, excluded parts, mode and tempo, and the expectations of held-out prompts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final

import numpy as np

from model_core.evaluation.model.prompts import NAMED, HeldOut
from model_core.evaluation.model.takes import Take
from model_core.plan.plan import Vocabulary
from model_core.training.captions.phrases import STYLE_NAMES

_INSTRUMENT_FORMS: Final = (
    "{style} with {names}", "{names}, {style}", "something with {names} for my film", 
    "{style}. I want to hear {names}.", "we need {names} here", "{style}, {names} up front",
)  # fmt: skip
_ABSENT_FORMS: Final = (
    ("{style}, no drums", "drums"), ("{style} without drums", "drums"), ("drumless {style}", "drums"),
    ("{style}, no percussion please", "drums"), ("{style}, no bass", "bass"), ("{style} without a melody", "lead"),
)  # fmt: skip
_SOLO_FORMS: Final = ("solo {name}", "only {name}, nothing else", "just a {name}", "{name} alone", "nothing but {name}")
_SOLO_NAMES: Final = (
    "piano", "cello", "harp", "acoustic guitar", "violin", "flute", "music box", "accordion", "electric piano",
    "clarinet", "saxophone", "harmonica", "marimba", "organ", "trumpet", "vibraphone",
)  # fmt: skip
_MODE_FORMS: Final = {
    True: ("sad {style}, {bpm} bpm", "{style} in a minor key at {bpm} bpm", "{bpm} bpm {style} in D minor",
           "melancholic {style}, tempo {bpm}"),
    False: ("happy {style}, {bpm} bpm", "{style} in a major key at {bpm} bpm", "{bpm} bpm {style} in G major",
            "cheerful {style}, tempo {bpm}"),
}  # fmt: skip
_SLOWEST, _FASTEST = 62, 142
TEMPO_TOLERANCE: Final = 0.02


@dataclass(frozen=True)
class InstrumentPrompt:
    """Prompt that names instruments, and the programs that answer to each name."""

    prompt: str
    named: tuple[frozenset[int], ...]

    def count_sounding(self, take: Take) -> tuple[float, float]:
        """Return the number of named instruments that sound, and of all that are named."""
        return float(sum(bool(one & take.programs) for one in self.named)), float(len(self.named))


@dataclass(frozen=True)
class AbsencePrompt:
    """Prompt that excludes a role, or all but the programs of one name."""

    prompt: str
    absent: str
    alone: frozenset[int]

    def is_met(self, take: Take) -> bool:
        """Return True when nothing that was excluded sounds, and something else does."""
        if self.absent:
            return self.absent not in take.roles and bool(take.roles)
        return bool(take.programs) and take.programs <= self.alone and "drums" not in take.roles


@dataclass(frozen=True)
class ModePrompt:
    """Prompt that requests a mode and a tempo."""

    prompt: str
    minor: bool
    bpm: int

    def has_tempo(self, take: Take) -> bool:
        """Return True when the felt tempo is within 2 % of the requested one."""
        return abs(take.felt_bpm / self.bpm - 1) <= TEMPO_TOLERANCE


def make_instrument_prompts(styles: Sequence[str], vocabulary: Vocabulary, count: int) -> list[InstrumentPrompt]:
    """Prompts that name one to three instruments that the model has and that can play together, a role each."""
    rng = np.random.default_rng(1)
    known = [name for name in NAMED if _roles(NAMED[name], vocabulary)]
    prompts = list[InstrumentPrompt]()
    while len(prompts) < count:
        names = [str(name) for name in rng.choice(known, int(rng.integers(1, 4)), replace=False)]
        if not _can_play([_roles(NAMED[name], vocabulary) for name in names]):
            continue
        form, style = (
            _INSTRUMENT_FORMS[len(prompts) % len(_INSTRUMENT_FORMS)],
            _phrase(styles[len(prompts) % len(styles)]),
        )
        prompts.append(
            InstrumentPrompt(form.format(style=style, names=_join_names(names)), tuple(NAMED[n] for n in names))
        )
    return prompts


def make_absence_prompts(styles: Sequence[str], vocabulary: Vocabulary, count: int) -> list[AbsencePrompt]:
    """Prompts that exclude a role and prompts for one instrument alone, in turns."""
    alone = [name for name in _SOLO_NAMES if _roles(NAMED[name], vocabulary)]
    prompts = list[AbsencePrompt]()
    for turn in range(count):
        number = turn // 2
        if turn % 2:
            name = alone[number % len(alone)]
            form = _SOLO_FORMS[number % len(_SOLO_FORMS)]
            prompts.append(AbsencePrompt(form.format(name=name), "", NAMED[name]))
        else:
            form, role = _ABSENT_FORMS[number % len(_ABSENT_FORMS)]
            prompts.append(AbsencePrompt(form.format(style=_phrase(styles[number % len(styles)])), role, frozenset()))
    return prompts


def make_mode_prompts(styles: Sequence[str], count: int) -> list[ModePrompt]:
    """Minor and major in turns, each at a tempo of its own."""
    rng = np.random.default_rng(2)
    prompts = []
    for number in range(count):
        minor, bpm = number % 2 == 0, int(rng.integers(_SLOWEST, _FASTEST + 1))
        form = _MODE_FORMS[minor][(number // 2) % 4]
        prompts.append(ModePrompt(form.format(style=_phrase(styles[(number // 2) % len(styles)]), bpm=bpm), minor, bpm))
    return prompts


def _phrase(style: str) -> str:
    return STYLE_NAMES[style]["any"][0]


def _roles(programs: frozenset[int], vocabulary: Vocabulary) -> tuple[str, ...]:
    """Roles that can play one of the programs."""
    return tuple(role for role, known in vocabulary.programs.items() if role != "drums" and programs & set(known))


def _can_play(choices: Sequence[Sequence[str]]) -> bool:
    """Return True when each instrument can have a role of its own."""
    roles = ("bass", "chords", "lead", "arp")
    return any(
        all(role in able for role, able in zip(given, choices, strict=True))
        for given in permutations(roles, len(choices))
    )


def _join_names(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def can_be_asked(want: HeldOut, styles: tuple[str, ...]) -> bool:
    """Return True when the model has one of the styles that the prompt expects."""
    return bool(set(want.styles.split()) & set(styles))


def find_shortcomings(want: HeldOut, take: Take, heard_style: str, heard_minor: bool) -> list[str]:
    """Describe the expectations that the take does not meet; empty if it meets all.

    Args:
        want: the prompt and its expectation.
        take: music for it.
        heard_style: by the style network.
        heard_minor: by the mode classifier.
    """
    styles, found = want.styles.split(), list[str]()
    if take.plan.header.style not in styles:
        found.append(f"planned as {take.plan.header.style}")
    if heard_style not in styles:
        found.append(f"sounds like {heard_style}")
    if want.mode and heard_minor != (want.mode == "minor"):
        found.append(f"is not in {want.mode}")
    if want.bpm is not None and not want.bpm[0] <= take.felt_bpm <= want.bpm[1]:
        found.append(f"has {take.felt_bpm:.0f} bpm")
    found += [f"has no {role}" for role in want.wanted.split() if role not in take.roles]
    found += [f"has {role}" for role in want.absent.split() if role in take.roles]
    missing = [programs for programs in want.programs if not programs & take.programs]
    if missing:
        found.append(f"lacks programs {' and '.join('/'.join(map(str, sorted(one))) for one in missing)}")
    if want.solo and ("drums" in take.roles or not take.programs <= frozenset().union(*want.programs)):
        found.append("is not alone")
    return found
