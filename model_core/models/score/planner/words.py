"""Vocabulary of prompts: names of instruments with their General MIDI programs, and words of tempo, meter and key."""

import re
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Instrument:
    """Role of an instrument, and the programs that sound like it, best first; empty for drums."""

    role: str
    programs: tuple[int, ...]


_BY_ROLE: Final[dict[str, dict[str, tuple[int, ...]]]] = {
    "bass": {
        "upright bass": (32, 43), "acoustic bass": (32, 43), "double bass": (43, 32), "contrabass": (43, 32),
        "bass guitar": (33, 34, 35), "electric bass": (33, 34, 35), "finger bass": (33,), "picked bass": (34, 33),
        "fretless bass": (35,), "fretless": (35,), "slap bass": (36,), "slapped bass": (36,),
        "synth bass": (38, 39), "bass synth": (87, 38, 39), "sub bass": (39, 38), "808": (39, 38),
        "808 bass": (39, 38), "tuba": (58,),
    },
    "chords": {
        "piano": (0,), "grand piano": (0,), "electric piano": (4, 5), "rhode": (4,), "wurlitzer": (4,),
        "fm piano": (5,), "harpsichord": (6,), "organ": (16, 18), "hammond": (16, 18), "hammond organ": (16, 18),
        "rock organ": (18, 16), "guitar": (25, 24), "acoustic guitar": (25, 24), "steel guitar": (25,),
        "classical guitar": (24, 25), "nylon guitar": (24,), "spanish guitar": (24,), "ukulele": (24, 25),
        "jazz guitar": (26,), "clean guitar": (27,), "clean electric guitar": (27,), "electric guitar": (29, 27, 30),
        "overdriven guitar": (29, 30), "distorted guitar": (30, 29), "heavy guitar": (30, 29),
        "string": (48, 49), "string section": (48, 49), "string quartet": (48, 49), "string ensemble": (48, 49),
        "slow string": (49, 48), "orchestra": (48, 49), "choir": (52, 91), "vocal": (52, 91),
        "brass section": (61,), "synth brass": (62,), "synth": (90, 81), "poly synth": (90,), "synthesizer": (90, 81),
        "pad": (89, 91), "synth pad": (89, 91), "warm pad": (89,), "choir pad": (91,),
    },
    "lead": {
        "vibraphone": (11,), "harmonica": (22,), "lead guitar": (29, 30, 26), "violin": (40,), "fiddle": (40,),
        "cello": (42,), "brass": (60, 56), "horn": (60,), "french horn": (60,), "trumpet": (56,), "trombone": (57,),
        "muted trumpet": (59,), "sax": (66, 65), "saxophone": (66, 65), "alto sax": (65,), "alto saxophone": (65,),
        "tenor sax": (66,), "tenor saxophone": (66,), "woodwind": (73, 71, 68), "oboe": (68,), "bassoon": (70,),
        "clarinet": (71,), "flute": (73,), "pan flute": (75,), "panpipe": (75,), "ocarina": (79,),
        "square synth": (80,), "square lead": (80,), "chip lead": (80,), "saw synth": (81,), "saw lead": (81,),
        "synth lead": (81, 80), "lead synth": (81, 80),
    },
    "arp": {
        "glockenspiel": (9,), "music box": (10,), "marimba": (12,), "xylophone": (13,), "accordion": (21,),
        "muted guitar": (28, 27), "muted electric guitar": (28, 27), "pizzicato": (45,), "pizzicato string": (45,),
        "plucked string": (45, 46), "harp": (46,), "synth arp": (81, 80), "arpeggiator": (81, 80),
    },
}  # fmt: skip

INSTRUMENTS: Final[dict[str, Instrument]] = {
    name: Instrument(role, programs) for role, names in _BY_ROLE.items() for name, programs in names.items()
}
"""Instruments by name in the singular; a text may add an s."""

FAMILIES: Final[dict[str, tuple[int, ...]]] = {
    "guitar": (24, 25, 26, 27, 28, 29, 30), "electric guitar": (26, 27, 28, 29, 30), "electric piano": (4, 5),
    "acoustic guitar": (24, 25), "brass": (56, 57, 58, 59, 60, 61, 62), "horn": (56, 57, 59, 60, 61),
    "brass section": (56, 57, 58, 59, 60, 61), "string": (40, 42, 43, 45, 48, 49),
    "string section": (40, 42, 43, 45, 48, 49), "orchestra": (40, 42, 43, 45, 48, 49, 60, 61),
    "synth": (38, 39, 62, 80, 81, 87, 89, 90, 91), "synthesizer": (38, 39, 62, 80, 81, 87, 89, 90, 91),
    "pad": (89, 91), "synth lead": (80, 81), "lead synth": (80, 81), "trumpet": (56, 59), "sax": (65, 66),
    "saxophone": (65, 66), "woodwind": (65, 66, 68, 70, 71, 73, 75), "flute": (73, 75), "synth bass": (38, 39, 87),
    "double bass": (32, 43), "vocal": (52,),
}  # fmt: skip
"""Programs that an excluded name rules out, where they differ from those that it requests."""

# Words that request a role without naming an instrument.
ANY_OF_ROLE: Final = {
    "drums": r"\b(?:drum(?:s|ming)?|percussion|rhythm section)\b",
    "bass": r"\b(?:bass|bassline)\b",
    "lead": r"\b(?:melody|melodies|lead (?:line|melody|instrument))\b",
}
# Words that mean a role when it is excluded ("no beat") or the only one.
DENIED_ROLE: Final = {
    "drums": r"\b(?:drum(?:s|ming|beats?)?|percussion|rhythm section|beats?)\b",
    "bass": r"\b(?:bass|bassline)\b",
    "lead": r"\b(?:melody|melodies|leads?|lead (?:line|melody|instrument))\b",
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
