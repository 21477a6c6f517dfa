"""Sets of General MIDI programs (0-based) that sound like what people call by one name."""

from typing import Final


def _set(*programs: int) -> frozenset[int]:
    return frozenset(programs)


PIANOS: Final = _set(0, 1, 2, 3)
ELECTRIC_PIANOS: Final = _set(4, 5)
VIBRAPHONES: Final = _set(11)
HARMONICAS: Final = _set(22)
ACOUSTIC_GUITARS: Final = _set(24, 25)
GUITARS: Final = _set(24, 25, 26, 27, 28, 29, 30)
DISTORTED_GUITARS: Final = _set(29, 30)
DOUBLE_BASSES: Final = _set(32, 43)
SLAP_BASSES: Final = _set(36, 37)
SYNTH_BASSES: Final = _set(38, 39, 87)
VIOLINS: Final = _set(40)
PLUCKED_STRINGS: Final = _set(45)
STRINGS: Final = _set(40, 41, 42, 43, 44, 45, 48, 49)
TRUMPETS: Final = _set(56, 59)
HORNS: Final = _set(60)
BRASS: Final = _set(56, 57, 58, 59, 60, 61, 62, 63)
TUBAS: Final = _set(58)
SAXOPHONES: Final = _set(64, 65, 66, 67)
BASSOONS: Final = _set(70)
CLARINETS: Final = _set(71)
WOODWINDS: Final = _set(68, 69, 70, 71, 72, 73, 74, 75, 79)
PADS: Final = _set(88, 89, 90, 91, 92, 93, 94, 95)

NAMED: Final[dict[str, frozenset[int]]] = {
    "piano": PIANOS, "electric piano": ELECTRIC_PIANOS, "vibraphone": VIBRAPHONES, "harmonica": HARMONICAS,
    "acoustic guitar": ACOUSTIC_GUITARS, "distorted guitar": DISTORTED_GUITARS, "upright bass": DOUBLE_BASSES,
    "slap bass": SLAP_BASSES, "synth bass": SYNTH_BASSES, "bass guitar": _set(33, 34, 35), "violin": VIOLINS,
    "cello": _set(42), "pizzicato strings": PLUCKED_STRINGS, "strings": STRINGS, "trumpet": TRUMPETS,
    "trombone": _set(57), "french horn": HORNS, "tuba": TUBAS, "saxophone": SAXOPHONES, "oboe": _set(68),
    "bassoon": BASSOONS, "clarinet": CLARINETS, "flute": _set(73), "pan flute": _set(75), "music box": _set(10),
    "glockenspiel": _set(9), "marimba": _set(12), "xylophone": _set(13), "accordion": _set(21), "harp": _set(46),
    "organ": _set(16, 17, 18, 19), "harpsichord": _set(6), "choir": _set(52, 53, 91),
}  # fmt: skip
"""What a prompt may name, and what answers to it."""
