"""Words of a prompt that are obeyed to the letter: tempo, mode, key, and instruments asked for or ruled out."""

import re
from dataclasses import dataclass, field
from typing import Final

from model_core.codecs.score.header import BPM_RANGE

_BPM: Final = re.compile(r"\b(\d{2,3})\s*(?:bpm|beats per minute)\b", re.IGNORECASE)
_KEY: Final = re.compile(
    r"\b(?:in\s+(?:the\s+key\s+of\s+)?)?([A-G])(?:[\s-]?(#|♯|b|♭|sharp|flat))?[\s-]+(major|minor)\b", re.IGNORECASE
)
_MINOR: Final = re.compile(r"\b(minor(?:\s+(?:key|mode))?|sad|melancholic|mournful|sinister|menacing|ominous)\b", re.I)
_MAJOR: Final = re.compile(r"\b(major(?:\s+(?:key|mode))?|happy|cheerful|joyful|uplifting)\b", re.I)
_SEMITONES: Final = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}

# Instrument words: role and the General MIDI programs that answer to them, best first.
INSTRUMENTS: Final[dict[str, tuple[str, tuple[int, ...]]]] = {
    "strings": ("chords", (48, 49)), "string section": ("chords", (48, 49)), "orchestra": ("chords", (48,)),
    "brass": ("lead", (60,)), "horn": ("lead", (60,)), "horns": ("lead", (60,)), "trumpet": ("lead", (56,)),
    "violin": ("lead", (40,)), "cello": ("lead", (42,)), "clarinet": ("lead", (71,)), "flute": ("lead", (73,)),
    "harmonica": ("lead", (22,)), "vibraphone": ("lead", (11,)), "saw synth": ("lead", (81,)),
    "choir": ("chords", (91,)), "pad": ("chords", (89, 91)), "electric piano": ("chords", (4,)),
    "rhodes": ("chords", (4,)), "acoustic guitar": ("chords", (25, 24)), "guitar": ("chords", (25, 24)),
    "piano": ("chords", (0,)), "harp": ("arp", (46,)), "pizzicato": ("arp", (45,)), "marimba": ("arp", (12,)),
    "music box": ("arp", (10,)), "synth bass": ("bass", (38, 39)), "double bass": ("bass", (43, 32)),
}  # fmt: skip
_DRUM_WORDS: Final = r"drums?|percussion|beats?|rhythm section"
_BASS_WORDS: Final = r"bass|bassline"
_MELODY_WORDS: Final = r"melody|lead"


@dataclass(frozen=True)
class ExplicitWords:
    """What a prompt asks for in so many words; None or empty where it says nothing.

    Attributes:
        bpm: beats per minute, within BPM_RANGE.
        minor: mode.
        key: tonic in semitones above C, 0..11.
        programs: wished General MIDI programs a role, best first.
        without: roles ruled out.
        wanted: roles asked for.
        solo_piano: nothing but a piano.
    """

    bpm: float | None = None
    minor: bool | None = None
    key: int | None = None
    programs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    wanted: frozenset[str] = frozenset()
    solo_piano: bool = False


def explicit_words(prompt: str) -> ExplicitWords:
    """Read the explicit wishes out of a prompt in English."""
    bpm = _BPM.search(prompt)
    minor, key = _mode_and_key(prompt)
    without = frozenset(
        role
        for role, words in (("drums", _DRUM_WORDS), ("bass", _BASS_WORDS), ("lead", _MELODY_WORDS))
        if re.search(rf"\b(?:no|without(?:\s+any)?)\s+(?:{words})\b", prompt, re.IGNORECASE)
    )
    solo = re.search(r"\bsolo piano\b|\bpiano (?:solo|only|alone)\b|\b(?:only|just)(?: a)? piano\b", prompt, re.I)
    programs: dict[str, tuple[int, ...]] = {}
    unsaid = prompt.lower()
    for word in sorted(INSTRUMENTS, key=len, reverse=True):
        found = re.search(rf"(?<!\bno )(?<!\bwithout )\b{re.escape(word)}\b", unsaid)
        if found:
            role, choices = INSTRUMENTS[word]
            programs.setdefault(role, choices)
            unsaid = unsaid.replace(word, " ")
    wanted = set(programs)
    if "drums" not in without and re.search(rf"\b(?:{_DRUM_WORDS})\b", prompt, re.IGNORECASE):
        wanted.add("drums")
    return ExplicitWords(
        bpm=None if bpm is None else min(max(float(bpm[1]), BPM_RANGE[0]), BPM_RANGE[1]),
        minor=minor,
        key=key,
        programs=programs,
        without=without,
        wanted=frozenset(wanted),
        solo_piano=solo is not None,
    )


def _mode_and_key(prompt: str) -> tuple[bool | None, int | None]:
    named = _KEY.search(prompt)
    # A lower-case "a minor" is an article as often as a key; "in a minor" and "A minor" are keys.
    if named and (named[1].isupper() or named[0].lower().startswith("in ")):
        accidental = (named[2] or "").lower()
        shift = 1 if accidental in ("#", "♯", "sharp") else -1 if accidental else 0
        return named[3].lower() == "minor", (_SEMITONES[named[1].lower()] + shift) % 12
    minor, major = _MINOR.search(prompt), _MAJOR.search(prompt)
    if minor and major:
        return minor.start() < major.start(), None
    return (True if minor else False if major else None), None
