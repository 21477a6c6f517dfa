"""Captions of composed pieces: texts that a user could have written to get this piece. Each phrase is true of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from model_core.training.captions import phrases as words
from model_core.training.captions.phrases import select_phrases
from model_core.training.composer import Piece

_SLOW_BPM: Final = 84
_FAST_BPM: Final = 116
_STRONG: Final = 0.68
_CALM: Final = 0.42
_RISE: Final = 0.3
_BIG_HIT: Final = 0.75
_BUSY_BEATS: Final = 6.0  # median beats between events
_STEADY_BEATS: Final = 10.0
_CASUAL: Final = 0.2


@dataclass(frozen=True)
class CaptionPhrases:
    """True phrases about one piece, chosen at random; the lists may be empty or short.

    Attributes:
        style, scene, tempo, bpm, mode: always there.
        moods: 0 to 2.
        instruments: 1 to 3 that play.
        drums: that there are some or none; for a piano alone, that it is alone.
        happens: what its hits, changes or form are like, or that a part is missing; may be empty.
        tags: all sorts, shuffled.
        absent: that there are no voices, drums or other part.
        meter: empty in 4/4.
    """

    style: str
    scene: str
    tempo: str
    bpm: str
    mode: str
    moods: list[str]
    instruments: list[str]
    drums: str
    happens: str
    tags: list[str]
    absent: str
    meter: str

    @property
    def mood(self) -> str:
        return ", ".join(self.moods)


def _and(things: list[str]) -> str:
    return things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}"


TEMPLATES: Final[tuple[Callable[[CaptionPhrases], str], ...]] = (
    lambda s: ", ".join(s.tags),
    lambda s: ", ".join(s.tags[:3]),
    lambda s: ", ".join([*s.moods, s.style]),
    lambda s: f"{s.mood} {s.style} for {s.scene}",
    lambda s: f"music for {s.scene}, {s.mood or s.tempo}",
    lambda s: f"background music for {s.scene}",
    lambda s: f"soundtrack for {s.scene}: {s.mood or s.mode}, {_and(s.instruments)}",
    lambda s: f"{s.tempo} {s.style} with {_and(s.instruments)}, {s.drums}",
    lambda s: f"A {s.mood} {s.style} track featuring {_and(s.instruments)}. {s.bpm}.",
    lambda s: f"{s.mood} {_and(s.instruments)} for {s.scene}",
    lambda s: f"{s.style}, {s.drums}, {s.mood or s.tempo}",
    lambda s: f"{s.mood} {s.style}, {s.happens}",
    lambda s: f"{_and(s.instruments)}, {s.happens or s.mood}, {s.style}",
    lambda s: f"{s.style}, {s.mode}, {s.bpm}, {s.drums}",
    lambda s: f"I need something {s.mood or s.tempo} for {s.scene}, {s.style}",
    lambda s: f"{s.scene}, {s.mood}, {s.happens}",
    lambda s: f"{s.mood} {s.style} in a {s.mode}, {s.drums}",
    lambda s: f"{s.style} at {s.bpm}, {s.happens}",
    lambda s: s.mood or s.style,
    lambda s: _and(s.instruments),
    lambda s: s.scene,
    lambda s: f"{s.style} {s.scene.removeprefix('a ').removeprefix('an ')}",
    lambda s: f"We are cutting {s.scene}: {s.happens or s.mood or s.tempo}.",
    lambda s: f"{s.happens or s.tempo}. {s.style}, {s.drums}",
    lambda s: f"The music should be {s.mood or s.tempo}. Think {s.style}, {s.drums}.",
    lambda s: f"{s.style}, {s.absent}",
    lambda s: f"{s.tempo} {s.mood} {s.style}, {s.meter}",
    lambda s: f"can you make {s.style} for {s.scene} with {_and(s.instruments)}",
)
HELD_OUT_TEMPLATES: Final[tuple[Callable[[CaptionPhrases], str], ...]] = (
    lambda s: f"Looking to score {s.scene}. Ideally {s.style}.",
    lambda s: f"my client wants {s.style} under {s.scene}",
    lambda s: f"imagine {s.scene} accompanied by {s.style}",
    lambda s: f"we hear {s.style} while watching {s.scene}",
    lambda s: f"Please compose {s.style} suited to {s.scene}",
)
"""For tests of the model with words that it never saw."""


def caption(piece: Piece, rng: np.random.Generator, held_out: bool = False) -> str:
    """One caption; the same generator state gives the same one.

    With ``held_out`` its style, scene and form are wordings that captions otherwise never have.
    """
    forms = HELD_OUT_TEMPLATES if held_out else TEMPLATES
    text = _clean(forms[int(rng.integers(len(forms)))](_draw(piece, rng, held_out)))
    return _casual(text) if rng.random() < _CASUAL else text


def _casual(text: str) -> str:
    """As typed in haste: lower case, no articles, no commas or full stops but those of figures."""
    return " ".join(re.sub(r"\b(?:an?|the)\b(?!-)|[,:;]|\.(?!\d)", " ", text.lower()).split())


def _draw(piece: Piece, rng: np.random.Generator, held_out: bool) -> CaptionPhrases:
    header = piece.header

    def one(choices: tuple[str, ...]) -> str:
        return str(rng.choice(choices))

    level = "strong" if header.energy > _STRONG else "calm" if header.energy < _CALM else "middle"
    tempo = "slow" if header.felt_bpm < _SLOW_BPM else "fast" if header.felt_bpm > _FAST_BPM else "middle"
    has_drums = "drums" in header.parts
    styles = (words.HELD_OUT_STYLES if held_out else words.STYLE_PHRASES)[header.style]
    style_phrases = select_phrases(styles, header.minor, level)
    if not has_drums:
        style_phrases = tuple(
            phrase for phrase in style_phrases if not any(word in phrase for word in words.PARTS["need_drums"])
        )
    scenes = (words.HELD_OUT_SCENES if held_out else words.SCENE_PHRASES)[header.style]
    mode = "major" if not header.minor else "minor_tension" if header.style == "tension" else "minor"
    # The order of the draws is part of the corpus: another order gives other captions for the same seed.
    moods = [one(words.MOODS[level]), one(words.MOODS[mode])]
    rng.shuffle(moods)
    programs = sorted({header.programs[role] for role in header.parts if role != "drums"})
    instruments = [one(words.INSTRUMENTS[program]) for program in programs] or ["drums"]
    rng.shuffle(instruments)
    speed = one(words.TEMPO[tempo])
    drums = _drums(piece, one)
    happens = _happens(piece)
    voiced = any(program in words.VOICES for program in programs)
    missing: tuple[str, ...] = () if voiced else words.PARTS["no_voice"]
    missing += () if has_drums else words.PARTS["no_drums"]
    missing += () if "lead" in header.parts else words.PARTS["no_lead"]
    meters = words.METER[header.meter]
    style, scene = one(style_phrases), one(select_phrases(scenes, header.minor, level))
    event = one(tuple(happens)) if happens else ""
    tags = [style, *moods, *instruments[:2], speed, drums, event]
    rng.shuffle(tags)
    return CaptionPhrases(
        style=style,
        scene=scene,
        tempo=speed,
        bpm=f"{round(header.felt_bpm)} bpm",
        mode="minor key" if header.minor else "major key",
        moods=moods[: int(rng.integers(0, 3))],
        instruments=list(dict.fromkeys(instruments))[: int(rng.integers(1, 4))],
        drums=drums,
        happens=event,
        tags=list(dict.fromkeys(tags))[: int(rng.integers(2, 6))],
        absent=one(missing) if missing else drums,
        meter=one(meters) if meters else "",
    )


def _drums(piece: Piece, one: Callable[[tuple[str, ...]], str]) -> str:
    header = piece.header
    programs = {header.programs[role] for role in header.parts - {"drums"}}
    if len(programs) + ("drums" in header.parts) == 1:
        return one(words.PARTS["alone"]).format(words.INSTRUMENTS[programs.pop()][0] if programs else "drums")
    return one(words.PARTS["drums" if "drums" in header.parts else "no_drums"])


def _happens(piece: Piece) -> list[str]:
    """Phrases about form, hits and missing parts that hold for the piece."""
    found: list[str] = []
    accents = [event for event in piece.events if event.kind.startswith("accent")]
    if sum(event.strength >= _BIG_HIT for event in accents) >= 2:
        found += words.FORM["hits"]
    if sum("gap" in event.kind for event in piece.events) >= 4:
        found += words.FORM["stops"]
    apart = np.diff([event.beat for event in piece.events])
    if len(apart) and np.median(apart) <= _BUSY_BEATS:
        found += words.FORM["changes"]
    elif len(apart) and np.median(apart) >= _STEADY_BEATS:
        found += words.FORM["steady"]
    energies = [section.energy for section in piece.sections[:-1]]
    if max(energies) - energies[0] > _RISE and np.argmax(energies) >= len(energies) // 2:
        found += words.FORM["rise"]
    elif energies[0] - energies[-1] > _RISE:
        found += words.FORM["fall"]
    found += words.METER[piece.header.meter]
    if "lead" not in piece.header.parts:
        found += words.PARTS["no_lead"]
    if "bass" not in piece.header.parts:
        found += words.PARTS["no_bass"]
    return found


def _clean(text: str) -> str:
    """Single spaces, no empty item between commas, and "an" before a vowel."""
    text = re.sub(r"\s*,(\s*,)*\s*", ", ", " ".join(text.split()))
    text = re.sub(r"^A,? (?=[aeiouAEIOU])", "An ", text)
    return text.replace("A , ", "A ").replace("A, ", "A ").strip(" ,:")
