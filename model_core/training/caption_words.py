"""Words for captions: styles, scenes, moods and instruments, as people who want music for a picture would say them."""

from typing import Final

STYLE_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "cinematic": (
        "cinematic orchestral", "epic film score", "orchestral trailer music", "dramatic symphonic", "heroic orchestra",
        "epic battle music", "blockbuster score", "adventure film music", "majestic orchestral", "movie soundtrack",
    ),
    "tension": (
        "tense underscore", "suspense", "thriller score", "dark suspenseful strings", "horror underscore",
        "crime drama tension", "tense strings", "ominous drone and pulse", "nervous ostinato", "mystery underscore",
    ),
    "synthwave": (
        "synthwave", "retro electronic", "80s synth pop", "outrun", "vintage analog synth", "darkwave", "retrowave",
        "cyberpunk electronic", "arcade game music",
    ),
    "house": (
        "house music", "EDM", "electronic dance", "club track", "festival dance", "deep house", "four on the floor",
        "upbeat electronic pop", "techno",
    ),
    "lofi": (
        "lo-fi hip hop", "chillhop", "lofi beats", "mellow jazzy beat", "boom bap", "laid-back jazz hop",
        "relaxed hip hop", "chill beat", "smooth jazzy groove",
    ),
    "acoustic": (
        "acoustic folk", "indie folk", "country", "acoustic guitar music", "singer-songwriter instrumental",
        "campfire folk", "Americana", "light acoustic pop", "ukulele-like happy folk",
    ),
    "ambient": (
        "ambient", "atmospheric soundscape", "meditative drone", "ethereal texture", "spacious new age",
        "minimal ambient", "dreamy soundscape", "floating pads", "calm underscore",
    ),
    "piano": (
        "solo piano", "piano ballad", "neoclassical piano", "intimate piano", "emotional piano piece", "piano nocturne",
        "gentle piano underscore", "romantic piano",
    ),
}  # fmt: skip

SCENES: Final[dict[str, tuple[str, ...]]] = {
    "cinematic": (
        "an adventure film", "the hero's return", "a fantasy kingdom", "a war movie", "a dramatic confrontation",
        "a rocket launch", "a grand journey over mountains", "a game trailer", "a sports final", "planet earth from space",
    ),
    "tension": (
        "a chase through dark corridors", "a bomb countdown", "a crime scene", "a haunted house", "a heist",
        "someone being followed", "a documentary about a disaster", "a detective story", "a storm coming",
    ),
    "synthwave": (
        "a night drive in the city", "an arcade game", "a cyberpunk montage", "a neon skyline", "a car advert",
        "a retro sci-fi film", "a computer hacking scene", "a bike race at dusk",
    ),
    "house": (
        "a dance floor", "a pool party", "a fashion show", "a workout video", "sports highlights", "a product launch",
        "a travel vlog", "a skate video", "a mountain bike edit",
    ),
    "lofi": (
        "studying", "a cozy cafe", "late night in a bedroom", "rain on the window", "a slow morning", "a cooking video",
        "a city timelapse", "a vlog about daily life",
    ),
    "acoustic": (
        "a road trip", "a campfire", "a sunny farm", "a walk in the woods", "a family video", "a wedding film",
        "a garden tutorial", "children playing", "a bike tour in the countryside",
    ),
    "ambient": (
        "meditation", "floating in space", "an underwater scene", "a foggy landscape", "sleep", "stars and galaxies",
        "slow motion nature", "a museum film", "the earth from orbit",
    ),
    "piano": (
        "a love story", "a farewell", "a documentary about a life", "rain and memories", "a quiet portrait",
        "an emotional finale", "an old photograph", "a hospital drama",
    ),
}  # fmt: skip

MINOR_MOODS: Final = ("sad", "dark", "melancholic", "moody", "sombre", "wistful", "in a minor key", "minor", "brooding")
MAJOR_MOODS: Final = ("happy", "uplifting", "bright", "hopeful", "warm", "joyful", "in a major key", "major", "cheerful")
STRONG_MOODS: Final = ("energetic", "powerful", "intense", "driving", "massive", "urgent", "full of energy")
CALM_MOODS: Final = ("calm", "soft", "gentle", "quiet", "subdued", "restrained", "delicate")
MIDDLE_MOODS: Final = ("steady", "moderate", "flowing", "easy-going")

INSTRUMENT_WORDS: Final[dict[int, tuple[str, ...]]] = {
    0: ("piano", "grand piano"), 4: ("electric piano", "rhodes"), 10: ("music box",), 11: ("vibraphone", "vibes"),
    12: ("marimba",), 22: ("harmonica",), 24: ("nylon guitar", "classical guitar"), 25: ("acoustic guitar", "steel guitar"),
    32: ("upright bass", "acoustic bass"), 33: ("electric bass", "bass guitar"), 35: ("fretless bass",),
    38: ("synth bass",), 39: ("deep synth bass",), 40: ("violin", "solo violin"), 42: ("cello", "solo cello"),
    43: ("double bass",), 45: ("pizzicato strings", "plucked strings"), 46: ("harp",),
    48: ("strings", "string section"), 49: ("slow strings", "strings"), 56: ("trumpet",), 60: ("french horn", "horns", "brass"),
    61: ("brass section", "brass"), 71: ("clarinet",), 73: ("flute",), 80: ("square synth", "chip lead"),
    81: ("saw synth", "synth lead"), 87: ("bass synth",), 89: ("warm pad", "synth pad"), 90: ("poly synth", "synth chords"),
    91: ("choir pad", "choir"),
}  # fmt: skip
DRUM_WORDS: Final = ("drums", "percussion", "a beat")
NO_DRUM_WORDS: Final = ("no drums", "without drums", "no percussion")
HIT_WORDS: Final = ("big hits", "strong accents", "sudden hits", "dramatic stops", "impacts")
