"""Mode and key named in a prompt."""

import re
from typing import Final

_TONIC: Final = r"([A-G])(?:[\s-]?(#|♯|b|♭|sharp|flat))?"
_KEY: Final = re.compile(rf"\b{_TONIC}[\s-]+(major|minor)\b", re.IGNORECASE)
_KEY_OF: Final = re.compile(rf"\bkey of {_TONIC}(?![\w#♯♭])", re.IGNORECASE)
_SHORT: Final = re.compile(r"\b(?:in|key:?) ([A-G])(#|♯|b|♭)?m\b")
_NO_MODE: Final = (
    r"(?!\s+(?:league|city|cities|announcement|event|news|sale|brand|label|release|update|detail|issue)s?\b)"
)
_MINOR: Final = re.compile(rf"\b(minor{_NO_MODE}|sad|melancholic|mournful|sinister|menacing|ominous)\b", re.IGNORECASE)
_MAJOR: Final = re.compile(rf"\b(major{_NO_MODE}|happy|cheerful|joyful|uplifting)\b", re.IGNORECASE)
_SEMITONES: Final = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}


def mode_and_key(text: str) -> tuple[bool | None, int | None]:
    """Whether minor is asked for, and the tonic in semitones above C; None where the text does not say."""
    named = _KEY.search(text)
    if named and not (named[1].upper() == "A" and not named[2] and _is_article(text, named)):
        return named[3].lower() == "minor", _tonic(named)
    if short := _SHORT.search(text):
        return True, _tonic(short)
    of = _KEY_OF.search(text)
    key = _tonic(of) if of else None
    minor, major = _MINOR.search(text), _MAJOR.search(text)
    if minor and major:
        return minor.start() < major.start(), key
    return (True if minor else False if major else None), key


def _tonic(match: re.Match[str]) -> int:
    accidental = (match[2] or "").lower()
    shift = 1 if accidental in ("#", "♯", "sharp") else -1 if accidental else 0
    return (_SEMITONES[match[1].lower()] + shift) % 12


def _is_article(text: str, match: re.Match[str]) -> bool:
    """Whether the A of a lone "a minor" is no tonic: a word follows, or it is small and no "in" stands before it."""
    if match[1] == "A" and re.search(r"(?:\bin|\bkey(?: of|:)?)\s+$", text[: match.start()], re.IGNORECASE):
        return False
    goes_on = re.match(r"\s+\w", text[match.end() :]) is not None
    return goes_on or (match[1] == "a" and re.search(r"\bin\s+$", text[: match.start()]) is None)
