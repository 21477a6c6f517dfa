"""Names of instruments and of what is missing, all true of the parts that play."""

from typing import Final

INSTRUMENT_WORDS: Final[dict[int, tuple[str, ...]]] = {
    0: ("piano", "grand piano"), 4: ("electric piano", "rhodes"), 5: ("electric piano", "FM piano"),
    6: ("harpsichord",), 9: ("glockenspiel", "bells"), 10: ("music box",), 11: ("vibraphone", "vibes"),
    12: ("marimba",), 13: ("xylophone",), 16: ("organ", "hammond organ"), 18: ("rock organ", "organ"),
    21: ("accordion",), 22: ("harmonica",), 24: ("nylon guitar", "classical guitar", "guitar"),
    25: ("acoustic guitar", "steel guitar", "guitar"), 26: ("jazz guitar", "guitar"),
    27: ("clean electric guitar", "electric guitar"), 28: ("muted guitar", "muted electric guitar"),
    29: ("overdriven guitar", "electric guitar"), 30: ("distorted guitar", "heavy guitar", "electric guitar"),
    32: ("upright bass", "acoustic bass"), 33: ("electric bass", "bass guitar"), 34: ("picked bass", "bass guitar"),
    35: ("fretless bass",), 36: ("slap bass",), 38: ("synth bass",), 39: ("deep synth bass", "808 bass"),
    40: ("violin", "fiddle"), 42: ("cello",), 43: ("double bass",),
    45: ("pizzicato strings", "pizzicato"), 46: ("harp",), 48: ("strings", "string section"),
    49: ("slow strings", "strings"), 52: ("choir", "choir voices"), 56: ("trumpet",), 57: ("trombone",), 58: ("tuba",),
    59: ("muted trumpet",), 60: ("french horn", "horns", "brass"), 61: ("brass section", "brass"),
    62: ("synth brass",), 65: ("alto sax", "saxophone"), 66: ("tenor sax", "saxophone"), 68: ("oboe",),
    70: ("bassoon",), 71: ("clarinet",), 73: ("flute",), 75: ("pan flute",), 79: ("ocarina",),
    80: ("square synth", "chip lead"), 81: ("saw synth", "synth lead"), 87: ("bass synth",),
    82: ("calliope",),
    89: ("warm pad", "synth pad"), 90: ("poly synth", "synth chords"), 91: ("choir pad", "choir"),
}  # fmt: skip
DRUM_WORDS: Final = ("drums", "percussion", "a beat")
NO_DRUM_WORDS: Final = ("no drums", "without drums", "no percussion", "drumless", "no beat")
NO_LEAD_WORDS: Final = ("no melody", "without a lead", "nothing up front")
NO_BASS_WORDS: Final = ("no bass", "without bass")
NO_VOICE_WORDS: Final = ("no vocals", "without vocals", "instrumental")
VOICES: Final = (52, 91)
NEED_DRUMS: Final = ("beat", "boom bap", "four on the floor", "stomping", "percussion")
"""Style phrases with one of these are for pieces with drums only."""
ALONE_FORMS: Final = ("solo {}", "{} only", "just {}", "nothing but {}", "unaccompanied {}")
"""What is said of the one instrument that plays."""
