"""Tempo, meter, mode and key in prompts."""

import re
from typing import Final

from model_core.plan.plan import BPM_RANGE

SLOW_BPM: Final = 84.0
FAST_BPM: Final = 116.0
_UNIT: Final = r"(?:bpm|beats per minute)\b"
_NUMBER: Final = r"(\d{2,3}(?:\.\d+)?)"
_SPAN: Final = re.compile(rf"(?<![\d.]){_NUMBER}\s*(?:-|\u2013|to)\s*{_NUMBER}[\s-]*{_UNIT}", re.IGNORECASE)
_BPM: Final = re.compile(
    rf"(?<![\d.]){_NUMBER}[\s-]*{_UNIT}|\b(?:bpm|tempo)(?:\s*[:=]\s*|\s+(?:of\s+)?){_NUMBER}(?![\d.:])", re.IGNORECASE
)
# After "slow" or "fast" these words refer to the picture or the form, not to the music.
_NOT_TEMPO: Final = (
    r"(?![\s-]*(?:mo\b|motion|down\b|build|burn|reveal|fade|start|intro|opening|zoom|pan\b|string|cook|food"
    r"|cuts?\b|cars?\b|changes?\b|forward|edit|lane|fashion|moving|train|boat))"
)
_TEMPI: Final = {
    "slow": re.compile(rf"\b(?:(?:slow){_NOT_TEMPO}|down-?tempo|adagio|largo|unhurried)\b", re.IGNORECASE),
    "middle": re.compile(r"\b(?:mid[\s-]?tempo|(?:medium|moderate)[\s-]tempo)\b", re.IGNORECASE),
    "fast": re.compile(rf"\b(?:(?:fast|quick){_NOT_TEMPO}|up[\s-]?tempo|presto|allegro)\b", re.IGNORECASE),
}
_RANGES: Final = {
    "slow": (BPM_RANGE[0], SLOW_BPM),
    "middle": (SLOW_BPM, FAST_BPM),
    "fast": (FAST_BPM, BPM_RANGE[1]),
}
_METERS: Final = {
    "3/4": r"\bwaltz(?:es|ing)?\b|(?<![\d/])3/4(?![\d/])|\bthree[\s-](?:four|quarter)\b|\btriple (?:meter|metre|time)\b"
    r"|\bin (?:three|3)(?=\s*(?:$|[,.;!)]|time\b))",
    "6/8": r"(?<![\d/])6/8(?![\d/])|\bjigs?\b|\bsix[\s-]eight\b|\bcompound (?:meter|metre|time)\b"
    r"|\bin (?:six|6)(?=\s*(?:$|[,.;!)]))",
    "4/4": r"(?<![\d/])4/4(?![\d/])|\bfour[\s-]four\b|\bcommon time\b",
}


def remove_bpm(prompt: str) -> str:
    """Remove tempo numbers from a prompt, so that "beats per minute" does not request drums."""
    return _BPM.sub(" ", _SPAN.sub(" ", prompt))


def find_bpm(prompt: str, meter: str | None) -> tuple[float | None, tuple[float, float] | None]:
    """Find a tempo given as one number or as a range, as a listener counts it; at most one of the two is not None.

    Numbers outside of the vocabulary's range are clipped; in 6/8 dotted quarters are counted.
    """
    low, high = (bound / 1.5 for bound in BPM_RANGE) if meter == "6/8" else BPM_RANGE
    if span := _SPAN.search(prompt):
        ends = sorted(min(max(float(end), low), high) for end in span.groups())
        return None, (ends[0], ends[1])
    if figure := _BPM.search(prompt):
        return min(max(float(figure[1] or figure[2]), low), high), None
    return None, None


def find_tempo_range(text: str) -> tuple[float, float] | None:
    """Find the range of bpm of a tempo word; None for no word or words of several kinds."""
    named = [name for name, pattern in _TEMPI.items() if pattern.search(text)]
    return _RANGES[named[0]] if len(named) == 1 else None


def find_meter(text: str) -> str | None:
    """Find the first meter that is named."""
    found = [(match.start(), meter) for meter, pattern in _METERS.items() if (match := re.search(pattern, text, re.I))]
    return min(found)[1] if found else None


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


def find_mode_and_key(text: str) -> tuple[bool | None, int | None]:
    """Find the mode, True for minor, and the tonic in semitones above C; None where the text does not name them."""
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
    """Return True when the A of "a minor" is an article: a word follows, or it is lower case without "in" before it."""
    if match[1] == "A" and re.search(r"(?:\bin|\bkey(?: of|:)?)\s+$", text[: match.start()], re.IGNORECASE):
        return False
    goes_on = re.match(r"\s+\w", text[match.end() :]) is not None
    return goes_on or (match[1] == "a" and re.search(r"\bin\s+$", text[: match.start()]) is None)
