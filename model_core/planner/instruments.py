"""Names of instruments in prompts, and the roles and General MIDI programs that answer to them."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Instrument:
    """The role that an instrument is given, and the programs that sound like it, best first."""

    role: str
    programs: tuple[int, ...]


INSTRUMENTS: Final[dict[str, Instrument]] = {
    "string": Instrument("chords", (48, 49)), "string section": Instrument("chords", (48, 49)),
    "orchestra": Instrument("chords", (48, 49)), "choir": Instrument("chords", (91,)),
    "pad": Instrument("chords", (89, 91)), "electric piano": Instrument("chords", (4,)),
    "rhode": Instrument("chords", (4,)), "piano": Instrument("chords", (0,)),
    "guitar": Instrument("chords", (25, 24)), "acoustic guitar": Instrument("chords", (25, 24)),
    "classical guitar": Instrument("chords", (24, 25)),
    "brass": Instrument("lead", (60, 56)), "horn": Instrument("lead", (60,)), "trumpet": Instrument("lead", (56,)),
    "violin": Instrument("lead", (40,)), "cello": Instrument("lead", (42,)), "clarinet": Instrument("lead", (71,)),
    "flute": Instrument("lead", (73,)), "harmonica": Instrument("lead", (22,)),
    "vibraphone": Instrument("lead", (11,)), "saw synth": Instrument("lead", (81,)),
    "harp": Instrument("arp", (46,)), "pizzicato": Instrument("arp", (45,)),
    "pizzicato string": Instrument("arp", (45,)), "marimba": Instrument("arp", (12,)),
    "music box": Instrument("arp", (10,)),
    "synth bass": Instrument("bass", (38, 39)), "double bass": Instrument("bass", (43, 32)),
    "upright bass": Instrument("bass", (32, 43)), "bass guitar": Instrument("bass", (33, 35)),
}  # fmt: skip

# Words for a role whatever its instrument. A beat is the drums' only as "a beat" or "beats" of a kind of music.
ANY_OF_ROLE: Final = {
    "drums": r"\b(?:drum(?:s|ming)?|percussion|rhythm section)\b",
    "bass": r"\b(?:bass|bassline)\b",
    "lead": r"\b(?:melody|melodies|lead)\b",
}
