"""Names of instruments in prompts, with their roles and General MIDI programs."""

from dataclasses import dataclass
from typing import Final


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
