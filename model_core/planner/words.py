"""Words of a prompt that are obeyed to the letter: tempo, mode, key, and instruments asked for or ruled out."""

import re
from dataclasses import dataclass, field
from typing import Final

from model_core.codecs.score.header import BPM_RANGE
from model_core.planner.instruments import ANY_OF_ROLE, INSTRUMENTS, Instrument

_BPM: Final = re.compile(r"(?<![\d.])(\d{2,3}(?:\.\d+)?)[\s-]*(?:bpm|beats per minute)\b", re.IGNORECASE)
_KEY: Final = re.compile(r"\b([A-G])(?:[\s-]?(#|♯|b|♭|sharp|flat))?[\s-]+(major|minor)\b", re.IGNORECASE)
_MINOR: Final = re.compile(r"\b(minor|sad|melancholic|mournful|sinister|menacing|ominous)\b", re.IGNORECASE)
_MAJOR: Final = re.compile(r"\b(major|happy|cheerful|joyful|uplifting)\b", re.IGNORECASE)
_SEMITONES: Final = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_SOLO: Final = re.compile(
    r"\bsolo piano\b|\bpiano (?:solo|only|alone)\b|\b(?:only|just)(?: an?)? piano\b", re.IGNORECASE
)
# "no drums or bass", "without any heavy percussion": the denial and what it governs, up to the next comma or turn.
_DENIAL: Final = re.compile(
    r"\b(?:no|without|don't want|do not want|not)\b\s+([^,.;]*?)(?=$|[,.;]|\bbut\b|\bthen\b)", re.IGNORECASE
)


@dataclass(frozen=True)
class ExplicitWords:
    """What a prompt asks for in so many words; None or empty where it says nothing.

    Attributes:
        bpm: beats per minute, within BPM_RANGE.
        minor: mode.
        key: tonic in semitones above C, 0..11.
        programs: wished General MIDI programs a role, best first.
        without: roles ruled out.
        unwanted: programs ruled out, whatever their role.
        wanted: roles asked for.
        solo_piano: nothing but a piano.
    """

    bpm: float | None = None
    minor: bool | None = None
    key: int | None = None
    programs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    unwanted: frozenset[int] = frozenset()
    wanted: frozenset[str] = frozenset()
    solo_piano: bool = False


def explicit_words(prompt: str) -> ExplicitWords:
    """Read the explicit wishes out of a prompt in English."""
    bpm = _BPM.search(prompt)
    rest = _BPM.sub(" ", prompt)
    denied = " , ".join(match[1] for match in _DENIAL.finditer(rest))
    asked = _DENIAL.sub(" ", rest)
    minor, key = _mode_and_key(asked)
    programs: dict[str, tuple[int, ...]] = {}
    for instrument in _named(asked):
        programs.setdefault(instrument.role, instrument.programs)
    wanted, without = set(programs) | _roles(asked), _roles(denied)
    return ExplicitWords(
        bpm=None if bpm is None else min(max(float(bpm[1]), BPM_RANGE[0]), BPM_RANGE[1]),
        minor=minor,
        key=key,
        programs=programs,
        without=frozenset(without),
        unwanted=frozenset(program for instrument in _named(denied) for program in instrument.programs),
        wanted=frozenset(wanted - without),
        solo_piano=_SOLO.search(asked) is not None,
    )


def _named(text: str) -> list[Instrument]:
    """Instruments named in a text, the longest names first, so that an electric piano is no piano."""
    found, unread = [], text.lower()
    for name in sorted(INSTRUMENTS, key=len, reverse=True):
        pattern = rf"\b{re.escape(name)}s?\b"
        if re.search(pattern, unread):
            found.append(INSTRUMENTS[name])
            unread = re.sub(pattern, " ", unread)
    return found


def _roles(text: str) -> set[str]:
    return {role for role, pattern in ANY_OF_ROLE.items() if re.search(pattern, text, re.IGNORECASE)}


def _mode_and_key(text: str) -> tuple[bool | None, int | None]:
    named = _KEY.search(text)
    if named and not (named[1].upper() == "A" and not named[2] and _is_article(text, named)):
        accidental = (named[2] or "").lower()
        shift = 1 if accidental in ("#", "♯", "sharp") else -1 if accidental else 0
        return named[3].lower() == "minor", (_SEMITONES[named[1].lower()] + shift) % 12
    minor, major = _MINOR.search(text), _MAJOR.search(text)
    if minor and major:
        return minor.start() < major.start(), None
    return (True if minor else False if major else None), None


def _is_article(text: str, match: re.Match[str]) -> bool:
    """Whether the A of a lone "a minor" is no tonic: a word follows, or it is small and no "in" stands before it."""
    goes_on = re.match(r"\s+\w", text[match.end() :]) is not None
    return goes_on or (match[1] == "a" and re.search(r"\bin\s+$", text[: match.start()]) is None)
