"""Explicit words of a prompt: tempo, meter, mode, key, and instruments that are requested or excluded."""

import re
from dataclasses import dataclass, field
from typing import Final

from model_core.models.score.planner.words import (
    ANY_OF_ROLE,
    DENIED_ROLE,
    FAMILIES,
    INSTRUMENTS,
    Instrument,
    find_bpm,
    find_meter,
    find_mode_and_key,
    find_tempo_range,
    remove_bpm,
)
from model_core.plan.plan import PROGRAMS

_NAMES: Final = "|".join(re.escape(name) for name in sorted(INSTRUMENTS, key=len, reverse=True))
_ROLE_NAMES: Final = r"drum(?:s|ming|beats?)?|percussion|rhythm section|beats?|bass|bassline|melody|melodies|leads?"
_NAME: Final = rf"\b(?:(?:{_NAMES})s?|{_ROLE_NAMES})\b"
# Compounds in which the name of an instrument means an object, a genre or a figure of speech.
_NO_INSTRUMENT: Final = re.compile(
    rf"\b(?:{_NAMES}|drum|bass)s?[\s-]+(?:shop|store|bar|lesson|class|teacher|factory|donor|transplant|seal|fishing"
    r"|boat|attached|repair|competition|bikini|coach)s?\b"
    r"|\b(?:launch(?:ing)?|landing|helicopter|mouse|note|lily|knee|brake|car|train|truck|bull|air|fog|sea|oil|heart)"
    r"[\s-]+(?:pad|horn|bass|string|drum|organ)s?\b|\bstrings? of\b|\bdrum\s*(?:and|&|n|'n'?)\s*bass\b",
    re.IGNORECASE,
)
_DENIAL: Final = re.compile(
    r"\b(?:no|without|w/o|sans|zero|never|do not want|not(?!\s+(?:only|just)\b)|avoid|except|leave out|omit|minus"
    r"|(?:do|does|should|must)n['\u2019]?t\s+(?:want|use|add|need|have|include)"
    r"|(?:drop|lose|skip|remove)\s+the(?!\s+beat))\b[\s-]+"
    rf"((?:\w+\s+){{0,2}}?{_NAME}(?:\s*,\s*{_NAME})+\s*,?\s*n?or\s+(?:any\s+)?{_NAME}"
    r"|[^,.;]*?(?=$|[,.;]|\b(?:but|then|so|because|just|only|with|without|please|instead)\b))",
    re.IGNORECASE,
)
_LESS: Final = re.compile(
    rf"\b((?:{_NAMES})|drums?|percussion|beats?|bass|melody)(?:[\s-]free\b|-?less\b)", re.IGNORECASE
)
# "no drums piano and cello" excludes only the drums, "no heavy drums or bass" both.
_DENIED: Final = re.compile(
    rf".*?{_NAME}(?:\s*(?:,\s*n?or\b|,|/|&|\band\b(?:\s+no\b)?|\bn?or\b)\s*"
    rf"(?:any\s+|the\s+)?(?:(?<=or )\w+\s+)?{_NAME})*",
    re.IGNORECASE,
)
_ONLY_AT_FIRST: Final = re.compile(r"\b(?:until|till|at first|at the start|before|in the (?:intro|beginning))\b", re.I)
_SOLO: Final = re.compile(
    r"(?<!not )\b(?:solo|only|just|nothing but|unaccompanied)\s+"
    rf"(?:an?\s+|one\s+|the\s+)?(?:\w+\s+)??(?P<after>{_NAME})"
    rf"|(?P<before>{_NAME})\s+(?:only|alone|by itself|(?P<feature>solo)(?=\s*(?:$|[,.;!]|for\b|piece\b)))",
    re.IGNORECASE,
)
_NOT_ALONE: Final = re.compile(r"\bnot (?:just|only)\b", re.IGNORECASE)
# "a piano solo" is one instrument, "rock with a long guitar solo" a band: few words precede the first kind.
_CLAUSE_START: Final = re.compile(r"(?:^|[,.;:])\s*(?:an?\s+|the\s+)?(?:\w+\s+){0,2}$")
_JOINED: Final = re.compile(r"\b(?:with|and|plus|featuring|over)\s+(?:an?\s+|the\s+)?$", re.IGNORECASE)


@dataclass(frozen=True)
class ExplicitWords:
    """Explicit requests of a prompt; None or empty where it has none.

    Attributes:
        bpm: beats per minute as a listener counts them (Header.felt_bpm), within the range of the vocabulary.
        bpm_range: lowest and highest of the same, from a word like "slow" or two numbers; None if ``bpm`` is given.
        meter: "4/4", "3/4" or "6/8".
        minor: True for minor, False for major.
        key: tonic in semitones above C, 0..11.
        programs: requested General MIDI programs of each role, best first.
        without: excluded roles.
        unwanted: programs excluded from all roles.
        wanted: requested roles.
        solo: the only instrument; it has no programs where the prompt names just drums, bass or lead.
    """

    bpm: float | None = None
    bpm_range: tuple[float, float] | None = None
    meter: str | None = None
    minor: bool | None = None
    key: int | None = None
    programs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    unwanted: frozenset[int] = frozenset()
    wanted: frozenset[str] = frozenset()
    solo: Instrument | None = None


def parse_explicit_words(prompt: str) -> ExplicitWords:
    """Parse the explicit words of a prompt in English."""
    asked, denied = _split(_NO_INSTRUMENT.sub(" ", remove_bpm(prompt)))
    meter = find_meter(asked)
    bpm, bpm_range = find_bpm(prompt, meter)
    minor, key = find_mode_and_key(asked)
    programs = _assign_roles(_find_instruments(asked))
    without = _find_roles(denied, DENIED_ROLE)
    wanted = set(programs) | _find_roles(_without_names(asked), ANY_OF_ROLE)
    ruled_out = {program for name in _find_names(denied) for program in FAMILIES.get(name, INSTRUMENTS[name].programs)}
    return ExplicitWords(
        bpm=bpm,
        bpm_range=find_tempo_range(asked) if bpm is None and bpm_range is None else bpm_range,
        meter=meter,
        minor=minor,
        key=key,
        programs=programs,
        without=frozenset(without),
        unwanted=frozenset(ruled_out),
        wanted=frozenset(wanted - without),
        solo=_find_solo(asked),
    )


def _split(text: str) -> tuple[str, str]:
    """Split a text into the part that requests and the part that excludes something."""
    denied: list[str] = []

    def take_denial(match: re.Match[str]) -> str:
        if _ONLY_AT_FIRST.search(match[1]):
            return f" {match[1]} "
        named = _DENIED.match(match[1])
        denied.append(named[0] if named else match[1])
        return f" , {match[1][named.end() :]} " if named else " , "

    def take_less(match: re.Match[str]) -> str:
        denied.append(match[1])
        return " "

    asked = _DENIAL.sub(take_denial, _LESS.sub(take_less, text))
    return asked, " , ".join(denied)


def _find_names(text: str) -> list[str]:
    """Names of instruments in order; the longest of those that overlap, so that "electric piano" is not a piano."""
    return [match[1].lower() for match in re.finditer(rf"\b({_NAMES})s?\b", text, re.IGNORECASE)]


def _without_names(text: str) -> str:
    """The text without names of instruments, so that "bass guitar" is not also a bass."""
    return re.sub(rf"\b(?:{_NAMES})s?\b", " ", text, flags=re.IGNORECASE)


def _find_instruments(text: str) -> list[Instrument]:
    return [INSTRUMENTS[name] for name in _find_names(text)]


def _assign_roles(instruments: list[Instrument]) -> dict[str, tuple[int, ...]]:
    """Programs of each role. An instrument whose own role is taken gets another role that has its programs."""
    given: dict[str, tuple[int, ...]] = {}
    left = []
    for instrument in dict.fromkeys(instruments):
        if instrument.role in given:
            left.append(instrument)
        else:
            given[instrument.role] = instrument.programs
    for instrument in left:
        for role in ("lead", "arp", "chords"):
            able = tuple(program for program in instrument.programs if program in PROGRAMS[role])
            if role not in given and able:
                given[role] = able
                break
    return given


def _find_roles(text: str, patterns: dict[str, str]) -> set[str]:
    return {role for role, pattern in patterns.items() if re.search(pattern, _without_names(text), re.IGNORECASE)}


def _find_solo(asked: str) -> Instrument | None:
    """The only instrument that a text requests; None where it names another one too."""
    match = _SOLO.search(asked)
    if match is None or _JOINED.search(asked[: match.start()]) or _NOT_ALONE.search(asked):
        return None
    if match["feature"] and not _CLAUSE_START.search(asked[: match.start()]):
        return None
    text = match["after"] or match["before"]
    names, rest = _find_names(text), asked[: match.start()] + " , " + asked[match.end() :]
    roles = _find_roles(text, DENIED_ROLE)
    if not names and not roles:
        return None
    alone = INSTRUMENTS[names[0]] if names else Instrument(roles.pop(), ())
    others = [other for other in _find_instruments(rest) if other != alone]
    return None if others or _find_roles(rest, ANY_OF_ROLE) - {alone.role} else alone
