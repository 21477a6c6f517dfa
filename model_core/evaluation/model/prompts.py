"""Prompts as people who cut videos type them, 120 of them, each with what a fair listener would expect to hear.

Prompts and expectations were written before the caption tables of the training were read and before any music was made
from them, in other words than those tables. Where a prompt may be heard in several ways, several styles are right.
"""

from dataclasses import dataclass
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


SLOW: Final = (40.0, 96.0)
FAST: Final = (112.0, 220.0)


@dataclass(frozen=True)
class HeldOut:
    """A prompt and what its music must be.

    Attributes:
        prompt: the words.
        styles: the acceptable styles, separated by blanks; a model that knows none of them is not asked.
        mode: "major", "minor" or "" for either.
        bpm: lowest and highest felt tempo, None for any.
        wanted: roles that must sound, separated by blanks.
        absent: roles that must not.
        programs: sets of General MIDI programs; one of each set must sound.
        solo: nothing but the named programs may sound.
    """

    prompt: str
    styles: str
    mode: str = ""
    bpm: tuple[float, float] | None = None
    wanted: str = ""
    absent: str = ""
    programs: tuple[frozenset[int], ...] = ()
    solo: bool = False


H = HeldOut
PROMPTS: Final[tuple[HeldOut, ...]] = (
    H("massive hybrid build up, then everything explodes, for a movie teaser", "trailer", wanted="drums"),
    H("opening of a war film, thundering percussion and roaring brass", "trailer orchestral", "minor", wanted="drums",
      programs=(BRASS,)),
    H("apocalyptic game reveal, HEAVY", "trailer tension rock", "minor"),
    H("Two armies charge at each other across the valley.", "trailer orchestral"),
    H("superhero origin story with a big heroic finish", "trailer orchestral"),
    H("the dragon wakes up and burns the city down", "trailer tension orchestral", "minor"),
    H("smth epic pls for my minecraft trailer", "trailer orchestral"),
    H("sweeping symphony for a flight over the alps", "orchestral trailer"),
    H("enchanted castle, woodwinds and french horn, magical", "orchestral", programs=(WOODWINDS | HORNS,)),
    H("period drama, candle-lit ballroom, strings waltzing", "orchestral", programs=(STRINGS,)),
    H("a full philharmonic, noble and proud, the queen is crowned", "orchestral trailer", "major"),
    H("elephants crossing the savannah, wide shots, nature film narration", "orchestral ambient acoustic trailer"),
    H("swashbuckling pirates set sail, old hollywood score", "orchestral trailer"),
    H("A violin sings over the string section as the train pulls away and she waves goodbye.", "orchestral piano",
      "minor", programs=(VIOLINS,)),
    H("someone is following her through the empty parking garage", "tension", "minor"),
    H("bed for our podcast about an unsolved murder", "tension ambient", "minor"),
    H("creaking attic, don't go up there, scary short", "tension ambient", "minor"),
    H("the bomb has ten seconds left", "tension trailer"),
    H("the suspect stays silent, the lamp hums, unease", "tension ambient", "minor"),
    H("a crew of thieves sneaks past the lasers", "tension funk jazz comedy hiphop"),
    H("nordic noir, cold and dark, a body in the fjord", "tension ambient", "minor"),
    H("beats to do homework to", "lofi hiphop"),
    H("wet evening, tea, a cat asleep on the desk, dusty vinyl", "lofi jazz piano"),
    H("chilled bedroom beat with a mellow rhodes", "lofi", wanted="drums", programs=(ELECTRIC_PIANOS,)),
    H("coding at 2am, laid back and a little melancholic", "lofi ambient synthwave"),
    H("background for my cozy vlog, soft crackle, slow head nod", "lofi", bpm=SLOW),
    H("anime girl with headphones doing her notes", "lofi"),
    H("sunday morning pancakes, chill instrumental", "lofi acoustic jazz"),
    H("neon grid, white testarossa, miami 1986", "synthwave"),
    H("blade runner skyline, analog synthesizers", "synthwave ambient"),
    H("eighties aerobics montage", "synthwave pop house"),
    H("racing at midnight with a pulsing synth bass", "synthwave house", programs=(SYNTH_BASSES,)),
    H("vhs nostalgia, cruising down the boulevard in a delorean", "synthwave"),
    H("hacker in a dark room, arpeggiated sequencer, retro future", "synthwave tension", "minor", wanted="arp"),
    H("stranger things type theme", "synthwave tension ambient", "minor"),
    H("ibiza opening weekend", "house latin"),
    H("four to the floor banger for models on the runway", "house", wanted="drums"),
    H("euphoric drop for a mainstage aftermovie", "house", wanted="drums"),
    H("something for the club at 128 bpm", "house synthwave", bpm=(125.4, 130.6), wanted="drums"),
    H("warehouse at 3 in the morning, strobes, sweat", "house synthwave", wanted="drums"),
    H("electronic and pumping, spin class instructor yelling", "house synthwave", bpm=FAST),
    H("rooftop pool, the dj plays, everybody is dancing", "house latin pop funk", wanted="drums"),
    H("spray cans on a brick wall, sped up, dirty drum breaks", "hiphop lofi", wanted="drums"),
    H("hard 808s for a hoodie drop", "hiphop", wanted="drums"),
    H("fresh jordans out of the box, with swagger", "hiphop funk"),
    H("menacing instrumental to rap over, slow", "hiphop", "minor", bpm=SLOW),
    H("dunks and crossovers, nba mixtape", "hiphop"),
    H("skaters in brooklyn, drums that make you nod", "hiphop lofi funk", wanted="drums"),
    H("uk drill, dark", "hiphop", "minor", wanted="drums"),
    H("catchy radio hit about a summer romance", "pop latin house"),
    H("bubbly opening for a teen sitcom", "pop funk house", "major"),
    H("lip gloss and lashes, girly and bright", "pop house lofi corporate", "major"),
    H("birthday slideshow everybody can sing along to", "pop acoustic corporate", "major"),
    H("carefree influencer reel, like something from the top 40", "pop house"),
    H("boyband chorus energy, clap your hands!", "pop", "major"),
    H("distorted guitars, stadium, fists in the air", "rock", programs=(DISTORTED_GUITARS,)),
    H("motocross jumps, punk attitude, fast", "rock", bpm=FAST),
    H("four kids making noise in their parents' garage", "rock"),
    H("grungy riff for a ford commercial", "rock", programs=(GUITARS,)),
    H("huge wheels crushing cars!!!", "rock trailer", wanted="drums"),
    H("headbanging mayhem, metal", "rock", wanted="drums"),
    H("driving guitars on a desert highway", "rock acoustic", programs=(GUITARS,)),
    H("slap bass and a seventies cop show", "funk", programs=(SLAP_BASSES,)),
    H("mirror ball spinning, bell bottoms everywhere", "funk house"),
    H("cheeky kitchen tv with horns and a tight groove", "funk jazz latin", programs=(BRASS,)),
    H("james brown would dance to this", "funk"),
    H("strutting down the sidewalk, big smile, soulful", "funk hiphop jazz pop"),
    H("undercover cop in flares jumps over a car", "funk"),
    H("basement club full of smoke, upright bass walking, brushes", "jazz", programs=(DOUBLE_BASSES,), wanted="drums"),
    H("three guys improvising like charlie parker", "jazz"),
    H("hotel bar, cocktails, somebody noodles on the piano", "jazz piano", programs=(PIANOS,)),
    H("champagne at gatsby's, the roaring twenties", "jazz comedy"),
    H("sax serenade by candlelight", "jazz lofi", programs=(SAXOPHONES,)),
    H("new york in black and white, a lonely trumpet", "jazz", programs=(TRUMPETS,)),
    H("swinging christmas market with vibraphone", "jazz", programs=(VIBRAPHONES,)),
    H("fingerpicked guitar, marshmallows over the fire", "acoustic", programs=(ACOUSTIC_GUITARS,)),
    H("we got married in the woods, banjos and beards, indie", "acoustic"),
    H("farm to table restaurant, warm and rustic", "acoustic jazz"),
    H("grandpa teaches me to fish, gentle", "acoustic piano orchestral"),
    H("on the porch in tennessee, somebody blows a harmonica", "acoustic", programs=(HARMONICAS,)),
    H("couple on a trail at golden hour, light strumming", "acoustic pop", "major", programs=(GUITARS,)),
    H("unplugged ballad, no drums", "acoustic piano", absent="drums"),
    H("what our cloud software does in 60 seconds, optimistic", "corporate pop", "major"),
    H("numbers of the fiscal year, forward-looking", "corporate piano ambient pop"),
    H("our startup's pitch, motivating and clean", "corporate pop house", "major"),
    H("friendly clip for new employees", "corporate acoustic pop", "major"),
    H("real estate walkthrough, modern and airy", "corporate house pop lofi ambient"),
    H("intro for a talk about innovation in healthcare", "corporate piano ambient"),
    H("donate now spot, hope that grows and grows", "corporate piano acoustic orchestral", "major"),
    H("weightless astronaut, one chord that never ends", "ambient", absent="drums"),
    H("stretching and breathing, no beat", "ambient piano", absent="drums"),
    H("jellyfish drifting under water", "ambient"),
    H("very slow synth washes for a massage studio", "ambient", bpm=SLOW, programs=(PADS,)),
    H("aurora over iceland, glassy", "ambient orchestral piano synthwave"),
    H("help me fall asleep", "ambient piano"),
    H("fog over a lake at dawn, almost nothing happens", "ambient piano orchestral"),
    H("only a piano, tender, our baby is here", "piano", "major", programs=(PIANOS,), solo=True),
    H("like ludovico einaudi", "piano", programs=(PIANOS,)),
    H("a soldier's last letter, lonely keys, heartbroken", "piano", "minor", programs=(PIANOS,)),
    H("in memory of grandma, photos", "piano acoustic orchestral ambient"),
    H("felt hammers, very close, portrait of an old man", "piano", programs=(PIANOS,)),
    H("A ballerina rehearses by herself at night. Delicate piano.", "piano orchestral", programs=(PIANOS,)),
    H("something like satie for my gallery film", "piano ambient"),
    H("rio carnival, dancers with feathers", "latin"),
    H("buena vista social club, couples dancing", "latin", wanted="drums"),
    H("caipirinha on the terrace above copacabana", "latin jazz"),
    H("burritos on wheels promo, spicy", "latin funk"),
    H("nylon guitar, a dancer in a red dress stamps her heels, sevilla", "latin acoustic",
      programs=(ACOUSTIC_GUITARS,)),
    H("despacito but without singing", "latin pop", wanted="drums"),
    H("jumping plumber, level one", "chiptune"),
    H("bleeps and bloops like on my first gameboy", "chiptune"),
    H("pixel hero sprinting home, fast and happy", "chiptune", "major", bpm=FAST),
    H("last enemy on the super nintendo", "chiptune", "minor"),
    H("square waves, tetris-like tune", "chiptune"),
    H("clumsy burglar slips on a banana peel", "comedy"),
    H("puppy fails compilation", "comedy"),
    H("sneaky pizzicato, the toddler is up to something", "comedy", programs=(PLUCKED_STRINGS,)),
    H("charlie chaplin runs from the police, tuba and clarinet", "comedy jazz", programs=(TUBAS, CLARINETS)),
    H("office prank gone wrong, goofy", "comedy funk"),
    H("awkward first date with a silly bassoon", "comedy", programs=(BASSOONS,)),
)  # fmt: skip
