"""Words for captions: styles, scenes, moods and instruments, as people who want music for a picture would say them.

Tables by style are split by what must hold for a phrase to be true: "any", "minor", "major", "strong" or "calm".
"""

from typing import Final

Phrases = dict[str, tuple[str, ...]]

STYLE_WORDS: Final[dict[str, Phrases]] = {
    "trailer": {
        "any": ("trailer music", "hybrid orchestral", "cinematic trailer", "action score", "cinematic percussion",
                "movie trailer", "blockbuster score", "hybrid trailer cue"),
        "minor": ("dark trailer music", "battle music", "menacing trailer"),
        "major": ("heroic trailer music", "triumphant epic"),
        "strong": ("epic trailer music", "epic orchestral", "epic battle music", "massive hybrid score", "epic action"),
        "calm": ("slow trailer build", "brooding trailer intro"),
    },
    "orchestral": {
        "any": ("cinematic orchestral", "film score", "symphonic", "movie soundtrack", "orchestral score", "orchestra",
                "classical film music", "orchestral adventure"),
        "minor": ("dramatic orchestra", "tragic film score", "dark fantasy score"),
        "major": ("fairy tale orchestra", "noble orchestra", "adventure score", "magical film score"),
        "strong": ("heroic orchestra", "sweeping orchestra", "swashbuckling score"),
        "calm": ("tender film score", "quiet orchestral underscore", "soft cinematic strings"),
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
    "hiphop": {
        "any": ("hip hop", "trap beat", "hip-hop beat", "rap instrumental", "urban beat", "808 beat", "trap",
                "street beat"),
        "minor": ("dark trap", "gritty hip hop", "moody trap"),
        "major": ("feel-good hip hop", "bright hip hop"),
        "strong": ("hard trap", "hard-hitting hip hop", "banger beat"),
        "calm": ("laid-back trap", "slow hip hop groove"),
    },
    "pop": {
        "any": ("pop", "indie pop", "pop instrumental", "radio pop", "modern pop", "electro pop", "pop track"),
        "minor": ("melancholic pop", "moody pop"),
        "major": ("feel-good pop", "summer pop", "catchy pop", "sunny pop"),
        "strong": ("anthemic pop", "big pop anthem", "stadium pop"),
        "calm": ("soft pop", "pop ballad"),
    },
    "rock": {
        "any": ("rock", "guitar rock", "indie rock", "alternative rock", "rock band", "electric guitars", "rock track"),
        "minor": ("dark rock", "grunge", "heavy rock"),
        "major": ("classic rock", "garage rock", "pop punk"),
        "strong": ("hard rock", "stadium rock", "energetic punk rock", "driving rock"),
        "calm": ("slow rock", "rock ballad"),
    },
    "funk": {
        "any": ("funk", "funky groove", "disco funk", "slap bass funk", "70s funk", "soul funk", "retro funk"),
        "minor": ("gritty funk", "cop show funk"),
        "major": ("feel-good funk", "sunny disco"),
        "strong": ("high-energy funk", "party funk"),
        "calm": ("laid-back funk", "smooth soul groove"),
    },
    "jazz": {
        "any": ("jazz", "swing", "jazz trio", "jazz quartet", "bebop", "jazz club music", "lounge jazz", "swing jazz"),
        "minor": ("noir jazz", "smoky jazz", "moody jazz"),
        "major": ("cheerful swing", "sunny jazz"),
        "strong": ("hot swing", "lively bebop", "fast jazz"),
        "calm": ("smooth jazz", "cool jazz", "jazz ballad"),
    },
    "corporate": {
        "any": ("corporate", "corporate background music", "business presentation music", "motivational corporate",
                "inspiring background", "tech corporate", "explainer music", "commercial background"),
        "major": ("uplifting corporate", "inspirational", "optimistic corporate", "motivational music"),
        "minor": ("thoughtful corporate", "serious corporate"),
        "strong": ("energetic corporate", "uplifting inspirational anthem"),
        "calm": ("soft corporate", "light corporate underscore"),
    },
    "latin": {
        "any": ("latin", "salsa", "bossa nova", "latin groove", "cuban music", "latin percussion", "mambo",
                "tropical latin"),
        "minor": ("tango-like latin", "sultry latin", "spanish flavored latin"),
        "major": ("sunny latin", "festive salsa", "carnival music"),
        "strong": ("fiery salsa", "hot latin dance"),
        "calm": ("gentle bossa nova", "soft latin lounge"),
    },
    "chiptune": {
        "any": ("chiptune", "8-bit", "8-bit game music", "retro video game music", "pixel game soundtrack", "NES style",
                "arcade chiptune", "bitpop"),
        "minor": ("dark 8-bit dungeon", "boss battle chiptune"),
        "major": ("happy 8-bit", "bright chiptune", "overworld theme"),
        "strong": ("frantic 8-bit", "high-energy chiptune"),
        "calm": ("calm 8-bit", "gentle chiptune"),
    },
    "comedy": {
        "any": ("comedy", "quirky", "funny music", "cartoon music", "whimsical pizzicato", "slapstick",
                "playful comedy",
                "silly music", "sneaky cartoon"),
        "minor": ("sneaky comedy", "mischievous tiptoe", "goofy spooky"),
        "major": ("cheerful comedy", "circus music", "goofy happy tune"),
        "strong": ("zany cartoon chase", "madcap comedy"),
        "calm": ("gentle whimsy", "light quirky underscore"),
    },
}  # fmt: skip

SCENES: Final[dict[str, Phrases]] = {
    "trailer": {
        "any": ("a movie trailer", "a game trailer", "a superhero film", "an action montage", "a product reveal"),
        "minor": ("a war movie", "a dramatic confrontation", "the end of the world", "a gladiator fight"),
        "major": ("the hero's victory", "a rocket launch", "an olympic final"),
        "strong": ("an epic battle", "a chase scene", "a sports final", "a big reveal", "a boxing match"),
        "calm": ("the calm before the storm", "a slow teaser"),
    },
    "orchestral": {
        "any": ("an adventure film", "a fantasy kingdom", "a journey over mountains", "a history documentary",
                "a costume drama", "a drone shot over cliffs"),
        "minor": ("a fallen kingdom", "a storm at sea", "a tragic ending"),
        "major": ("the hero's return", "planet earth from space", "a happy ending", "a fairy tale castle"),
        "strong": ("a pirate adventure", "a cavalry charge", "a triumphant finale"),
        "calm": ("a sunrise over the plains", "a tender farewell", "a first snow"),
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
    "hiphop": {
        "any": ("a street dance video", "a basketball edit", "a sneaker commercial", "a skate clip", "a city night"),
        "minor": ("a crime drama in the city", "a dark alley"),
        "major": ("a block party", "a summer barbecue"),
        "strong": ("a gym montage", "a car drift edit"),
        "calm": ("a late night drive", "a slow walk downtown"),
    },
    "pop": {
        "any": ("a fashion vlog", "a makeup tutorial", "a lifestyle commercial", "a summer video", "a birthday video"),
        "minor": ("a breakup scene", "a rainy city"),
        "major": ("a beach day", "best friends", "a wedding party", "a teen comedy"),
        "strong": ("a stadium crowd", "a year in review"),
        "calm": ("a slow morning routine", "a love story"),
    },
    "rock": {
        "any": ("a motorcycle ride", "an extreme sports video", "a garage band", "a truck commercial", "a skate park"),
        "minor": ("a rebel on the run", "a stormy highway"),
        "major": ("a road movie", "a teenage party"),
        "strong": ("a motocross race", "a football highlight reel", "a concert"),
        "calm": ("an empty desert road",),
    },
    "funk": {
        "any": ("a cooking show", "a retro car commercial", "a roller skating video", "a dance video",
                "a heist montage"),
        "minor": ("a 70s cop show", "an undercover mission"),
        "major": ("a happy street parade", "a rooftop party"),
        "strong": ("a dance battle", "a party"),
        "calm": ("a cool stroll", "a barbershop"),
    },
    "jazz": {
        "any": ("a jazz club", "a restaurant video", "a whisky commercial", "a black and white film", "a coffee bar"),
        "minor": ("a film noir detective", "a rainy street at midnight"),
        "major": ("a sunny stroll in Paris", "a cocktail party"),
        "strong": ("a swing dance", "a busy city in the fifties"),
        "calm": ("a late night bar", "a candlelight dinner"),
    },
    "corporate": {
        "any": ("a company video", "a startup pitch", "an explainer video", "a real estate tour", "a tech product demo",
                "a business presentation", "an app promo"),
        "major": ("a success story", "a charity video", "a team building day"),
        "minor": ("a serious business report",),
        "strong": ("a product launch event", "a company anniversary"),
        "calm": ("a tutorial", "a medical explainer", "a podcast background"),
    },
    "latin": {
        "any": ("a salsa class", "a trip to Havana", "a taco truck", "a street market", "a telenovela", "a beach bar"),
        "minor": ("a passionate dance", "a hot night in the old town"),
        "major": ("a carnival parade", "a tropical holiday"),
        "strong": ("a dance competition", "a fiesta"),
        "calm": ("a hammock by the sea", "a lazy afternoon at the beach"),
    },
    "chiptune": {
        "any": ("a retro video game", "a platformer level", "a pixel art animation", "a gaming stream intro",
                "a speedrun"),
        "minor": ("a dungeon level", "a final boss"),
        "major": ("a level complete screen", "a cute pixel world"),
        "strong": ("a pixel chase", "a bonus stage"),
        "calm": ("a village in a role-playing game",),
    },
    "comedy": {
        "any": ("a funny cat video", "a cartoon", "a prank video", "a blooper reel", "a clumsy waiter",
                "a silly sketch"),
        "minor": ("a sneaking burglar", "a mischievous raccoon"),
        "major": ("a circus", "puppies playing", "a kids show"),
        "strong": ("a cartoon chase", "a kitchen disaster"),
        "calm": ("a curious toddler", "a sleepy dog"),
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
    0: ("piano", "grand piano"), 4: ("electric piano", "rhodes"), 5: ("electric piano", "FM piano"),
    6: ("harpsichord",), 9: ("glockenspiel", "bells"), 10: ("music box",), 11: ("vibraphone", "vibes"),
    12: ("marimba",), 13: ("xylophone",), 16: ("organ", "hammond organ"), 18: ("rock organ", "organ"),
    21: ("accordion",), 22: ("harmonica",), 24: ("nylon guitar", "classical guitar", "guitar"),
    25: ("acoustic guitar", "steel guitar", "guitar"), 26: ("jazz guitar", "guitar"),
    27: ("clean electric guitar", "electric guitar"), 28: ("muted guitar", "muted electric guitar"),
    29: ("overdriven guitar", "electric guitar"), 30: ("distorted guitar", "heavy guitar", "electric guitar"),
    32: ("upright bass", "acoustic bass"), 33: ("electric bass", "bass guitar"), 34: ("picked bass", "bass guitar"),
    35: ("fretless bass",), 36: ("slap bass",), 38: ("synth bass",), 39: ("deep synth bass", "808 bass"),
    40: ("violin", "solo violin"), 42: ("cello", "solo cello"), 43: ("double bass",),
    45: ("pizzicato strings", "pizzicato"), 46: ("harp",), 48: ("strings", "string section"),
    49: ("slow strings", "strings"), 52: ("choir", "choir voices"), 56: ("trumpet",), 57: ("trombone",), 58: ("tuba",),
    59: ("muted trumpet",), 60: ("french horn", "horns", "brass"), 61: ("brass section", "brass"),
    62: ("synth brass",), 65: ("alto sax", "saxophone"), 66: ("tenor sax", "saxophone"), 68: ("oboe",),
    70: ("bassoon",), 71: ("clarinet",), 73: ("flute",), 75: ("pan flute",), 79: ("ocarina",),
    80: ("square synth", "chip lead"), 81: ("saw synth", "synth lead"), 87: ("bass synth",),
    89: ("warm pad", "synth pad"), 90: ("poly synth", "synth chords"), 91: ("choir pad", "choir"),
}  # fmt: skip
DRUM_WORDS: Final = ("drums", "percussion", "a beat")
NO_DRUM_WORDS: Final = ("no drums", "without drums", "no percussion")
NO_LEAD_WORDS: Final = ("no melody", "without a lead")
NO_BASS_WORDS: Final = ("no bass", "without bass")
METER_WORDS: Final = {
    "4/4": (),
    "3/4": ("waltz", "in 3/4", "three-four time"),
    "6/8": ("in 6/8", "6/8 lilt", "six-eight time"),
}
NEED_DRUMS: Final = ("beat", "boom bap", "four on the floor", "stomping", "percussion")
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
