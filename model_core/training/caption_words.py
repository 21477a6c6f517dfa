"""Words for captions: styles, scenes, moods and instruments, as people who want music for a picture would say them.

Tables by style are split by what must hold for a phrase to be true: "any", "minor", "major", "strong" or "calm".
"""

from typing import Final

Phrases = dict[str, tuple[str, ...]]

STYLE_WORDS: Final[dict[str, Phrases]] = {
    "cinematic": {
        "any": ("cinematic orchestral", "film score", "symphonic", "movie soundtrack", "hybrid orchestral"),
        "strong": ("epic trailer music", "epic orchestral", "blockbuster music", "heroic orchestra", "battle music"),
        "calm": ("tender film score", "quiet orchestral underscore", "soft cinematic"),
    },
    "tension": {
        "any": ("tense underscore", "suspense", "thriller score", "mystery underscore", "crime drama tension"),
        "minor": ("ominous underscore", "horror score", "dark suspense", "sinister underscore"),
        "strong": ("action thriller score", "chase music", "relentless suspense"),
        "calm": ("slow-burning suspense", "eerie drone", "sparse tension"),
    },
    "synthwave": {
        "any": ("synthwave", "retro electronic", "80s synth pop", "outrun", "vintage analog synth", "retrowave"),
        "minor": ("darkwave", "dark synth", "cyberpunk electronic"),
        "major": ("synth pop", "bright 80s electronic"),
        "strong": ("driving synthwave", "arcade action music"),
        "calm": ("dreamy synthwave", "slow chillwave"),
    },
    "house": {
        "any": ("house music", "EDM", "electronic dance", "club track", "four on the floor", "dance music"),
        "major": ("upbeat electronic pop", "feel-good house"),
        "strong": ("festival dance", "big room", "peak-time techno"),
        "calm": ("deep house", "chill house", "lounge electronic"),
    },
    "lofi": {
        "any": ("lo-fi hip hop", "chillhop", "lofi beats", "jazzy beat", "boom bap", "laid-back jazz hop", "lofi"),
        "calm": ("mellow lofi", "sleepy lo-fi", "smooth jazzy chill"),
        "strong": ("upbeat lo-fi hip hop", "funky jazz hop"),
    },
    "acoustic": {
        "any": ("acoustic folk", "indie folk", "country", "acoustic guitar music", "Americana", "singer-songwriter"),
        "major": ("sunny folk", "light acoustic pop", "campfire folk"),
        "minor": ("wistful folk", "lonesome Americana"),
        "strong": ("stomping folk", "lively folk"),
        "calm": ("gentle acoustic", "fireside folk"),
    },
    "ambient": {
        "any": ("ambient", "atmospheric soundscape", "ethereal texture", "minimal ambient", "soundscape", "pads"),
        "major": ("spacious new age", "dreamy ambient"),
        "minor": ("dark ambient", "mysterious soundscape"),
        "calm": ("meditative ambient", "calm underscore", "drifting drone"),
        "strong": ("swelling ambient", "vast ambient"),
    },
    "piano": {
        "any": ("solo piano", "piano piece", "neoclassical piano", "piano underscore", "piano music"),
        "minor": ("sad piano", "melancholic piano", "piano nocturne"),
        "major": ("hopeful piano", "romantic piano", "warm piano"),
        "strong": ("dramatic piano", "passionate piano"),
        "calm": ("intimate piano", "gentle piano", "quiet piano ballad"),
    },
}  # fmt: skip

SCENES: Final[dict[str, Phrases]] = {
    "cinematic": {
        "any": ("an adventure film", "a fantasy kingdom", "a journey over mountains", "a trailer", "a drone shot"),
        "minor": ("a war movie", "a dramatic confrontation", "a fallen kingdom", "a storm at sea"),
        "major": ("the hero's return", "a rocket launch", "planet earth from space", "a happy ending"),
        "strong": ("an epic battle", "a chase scene", "a sports final", "a big reveal"),
        "calm": ("a sunrise over the plains", "a tender farewell", "a history documentary"),
    },
    "tension": {
        "any": ("a crime scene", "a heist", "a detective story", "someone being followed", "a spy film"),
        "minor": ("a haunted house", "a storm coming", "a documentary about a disaster"),
        "strong": ("a chase through dark corridors", "a bomb countdown", "an escape"),
        "calm": ("an empty corridor", "a slow investigation", "a stakeout at night"),
    },
    "synthwave": {
        "any": ("a night drive in the city", "an arcade game", "a neon skyline", "a car advert", "a retro sci-fi film"),
        "minor": ("a cyberpunk montage", "a computer hacking scene"),
        "major": ("a summer night by the sea", "a roller disco"),
        "strong": ("a car chase", "a bike race at dusk", "a boss fight"),
        "calm": ("a late train home", "city lights from above"),
    },
    "house": {
        "any": ("a dance floor", "a fashion show", "a product launch", "a travel vlog", "a skate video", "city life"),
        "major": ("a pool party", "a summer festival"),
        "strong": ("a workout video", "sports highlights", "a mountain bike edit", "an action camera edit"),
        "calm": ("a rooftop bar", "a hotel lobby"),
    },
    "lofi": {
        "any": ("studying", "a cozy cafe", "late night in a bedroom", "a cooking video", "a timelapse", "a daily vlog"),
        "minor": ("rain on the window", "a lonely walk home"),
        "major": ("a slow sunny morning", "a picnic in the park"),
        "calm": ("falling asleep", "a quiet evening"),
    },
    "acoustic": {
        "any": ("a road trip", "a campfire", "a walk in the woods", "a garden tutorial", "a bike tour in the hills"),
        "major": ("a sunny farm", "a family video", "a wedding film", "children playing"),
        "minor": ("an autumn field", "a long way home"),
        "calm": ("a morning by the lake", "a small village"),
    },
    "ambient": {
        "any": ("floating in space", "an underwater scene", "slow motion nature", "a museum film", "earth from orbit"),
        "minor": ("a foggy landscape", "an abandoned place", "the deep sea"),
        "major": ("meditation", "sleep", "stars and galaxies", "a sunrise timelapse"),
        "calm": ("yoga", "drifting clouds"),
    },
    "piano": {
        "any": ("a documentary about a life", "an old photograph", "a quiet portrait", "an interview", "a love story"),
        "minor": ("a farewell", "rain and memories", "a hospital drama"),
        "major": ("a wedding", "a birth", "a reunion"),
        "strong": ("an emotional finale",),
        "calm": ("snow falling", "a letter being read"),
    },
}  # fmt: skip

MINOR_MOODS: Final = ("sad", "dark", "melancholic", "moody", "sombre", "wistful", "in a minor key", "minor", "brooding")
MAJOR_MOODS: Final = ("happy", "uplifting", "bright", "hopeful", "warm", "joyful", "in a major key", "major", "sunny")
STRONG_MOODS: Final = ("energetic", "powerful", "intense", "driving", "massive", "urgent", "high energy", "loud")
CALM_MOODS: Final = ("calm", "soft", "gentle", "quiet", "subdued", "restrained", "low energy", "peaceful")
MIDDLE_MOODS: Final = ("steady", "moderate", "flowing", "easy-going", "medium energy")
MINOR_TENSION: Final = ("dark", "sinister", "ominous", "nervous", "menacing", "minor", "in a minor key", "eerie")
"""What replaces the minor moods in the tension style."""

TEMPO_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "slow": ("slow", "slow tempo", "unhurried"), "middle": ("mid-tempo", "medium tempo"),
    "fast": ("fast", "fast tempo", "up-tempo"),
}  # fmt: skip
INSTRUMENT_WORDS: Final[dict[int, tuple[str, ...]]] = {
    0: ("piano", "grand piano"), 4: ("electric piano", "rhodes"), 10: ("music box",), 11: ("vibraphone", "vibes"),
    12: ("marimba",), 22: ("harmonica",), 24: ("nylon guitar", "classical guitar", "guitar"),
    25: ("acoustic guitar", "steel guitar", "guitar"), 32: ("upright bass", "acoustic bass"),
    33: ("electric bass", "bass guitar"), 35: ("fretless bass",), 38: ("synth bass",), 39: ("deep synth bass",),
    40: ("violin", "solo violin"), 42: ("cello", "solo cello"), 43: ("double bass",),
    45: ("pizzicato strings", "pizzicato"), 46: ("harp",), 48: ("strings", "string section"),
    49: ("slow strings", "strings"), 56: ("trumpet",), 60: ("french horn", "horns", "brass"),
    61: ("brass section", "brass"), 71: ("clarinet",), 73: ("flute",), 80: ("square synth", "chip lead"),
    81: ("saw synth", "synth lead"), 87: ("bass synth",), 89: ("warm pad", "synth pad"),
    90: ("poly synth", "synth chords"), 91: ("choir pad", "choir"),
}  # fmt: skip
DRUM_WORDS: Final = ("drums", "percussion", "a beat")
NO_DRUM_WORDS: Final = ("no drums", "without drums", "no percussion")
NO_LEAD_WORDS: Final = ("no melody", "without a lead")
NO_BASS_WORDS: Final = ("no bass", "without bass")
NEED_DRUMS: Final = ("beat", "boom bap", "four on the floor", "stomping")
"""Style phrases with one of these are for pieces with drums only."""
SOLO_PIANO_WORDS: Final = ("solo piano", "piano only", "just piano")
HIT_WORDS: Final = ("big hits", "strong accents", "sudden hits", "impacts", "dramatic accents")
STOP_WORDS: Final = ("dramatic stops", "sudden stops", "pauses before the hits")
CHANGE_WORDS: Final = ("many changes", "fast changes", "cuts every few seconds")
STEADY_WORDS: Final = ("few changes", "long calm stretches", "an even flow")
RISE_WORDS: Final = ("starts quietly and grows", "builds from quiet to full", "a soft start, then full power")
FALL_WORDS: Final = ("starts big and calms down", "a strong opening that settles")


def phrases(table: Phrases, minor: bool, level: str) -> tuple[str, ...]:
    """The phrases of a style that hold for a mode and a level of energy: "calm", "middle" or "strong"."""
    return table["any"] + table.get("minor" if minor else "major", ()) + table.get(level, ())


def words_for_style(style: str) -> tuple[str, ...]:
    """Every phrase that stands for a style, whatever its mode and energy."""
    return tuple(phrase for words in STYLE_WORDS[style].values() for phrase in words)
