"""Captions: what someone might have asked for, had they wanted this very piece. Everything said is true of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from model_core.training import caption_words as words
from model_core.training.composer import Piece

_SLOW_BPM: Final = 84
_FAST_BPM: Final = 116
_STRONG: Final = 0.68
_CALM: Final = 0.42
_RISE: Final = 0.3
_BIG_HIT: Final = 0.75
_BUSY_BEATS: Final = 6.0  # median beats between events
_STEADY_BEATS: Final = 10.0


def caption(piece: Piece, rng: np.random.Generator) -> str:
    """One caption; the same generator state gives the same one."""
    write = _TEMPLATES[int(rng.integers(len(_TEMPLATES)))]
    return _clean(write(_draw(piece, rng)))


@dataclass(frozen=True)
class _Said:
    """True phrases about one piece, drawn at random; the lists may be empty or short.

    Attributes:
        style, scene, tempo, bpm, mode: always there.
        moods: 0 to 2.
        instruments: 1 to 3 that play.
        drums: that there are some or none; for a piano alone, that it is alone.
        happens: what its hits, changes or form are like, or that a part is missing; may be empty.
        tags: all sorts, shuffled.
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

    @property
    def mood(self) -> str:
        return ", ".join(self.moods)


def _draw(piece: Piece, rng: np.random.Generator) -> _Said:
    header = piece.header

    def one(choices: tuple[str, ...]) -> str:
        return str(rng.choice(choices))

    level = "strong" if header.energy > _STRONG else "calm" if header.energy < _CALM else "middle"
    styles = words.phrases(words.STYLE_WORDS[header.style], header.minor, level)
    if "drums" not in header.parts:
        styles = tuple(phrase for phrase in styles if not any(word in phrase for word in words.NEED_DRUMS))
    by_mode = words.MAJOR_MOODS if not header.minor else (
        words.MINOR_TENSION if header.style == "tension" else words.MINOR_MOODS)  # fmt: skip
    by_level = {"strong": words.STRONG_MOODS, "calm": words.CALM_MOODS, "middle": words.MIDDLE_MOODS}[level]
    moods = [one(by_level), one(by_mode)]
    rng.shuffle(moods)
    programs = sorted({header.programs[role] for role in header.parts if role != "drums"})
    instruments = [one(words.INSTRUMENT_WORDS[program]) for program in programs]
    rng.shuffle(instruments)
    tempo = one(
        words.TEMPO_WORDS[
            "slow" if header.felt_bpm < _SLOW_BPM else "fast" if header.felt_bpm > _FAST_BPM else "middle"
        ]
    )
    bpm, mode = f"{round(header.felt_bpm)} bpm", "minor key" if header.minor else "major key"
    drums = _drums(piece, one)
    happens = _happens(piece)
    style, scene = one(styles), one(words.phrases(words.SCENES[header.style], header.minor, level))
    told = one(tuple(happens)) if happens else ""
    tags = [style, *moods, *instruments[:2], tempo, drums, told]
    rng.shuffle(tags)
    return _Said(
        style=style,
        scene=scene,
        tempo=tempo,
        bpm=bpm,
        mode=mode,
        moods=moods[: int(rng.integers(0, 3))],
        instruments=list(dict.fromkeys(instruments))[: int(rng.integers(1, 4))],
        drums=drums,
        happens=told,
        tags=list(dict.fromkeys(tags))[: int(rng.integers(2, 6))],
    )


def _drums(piece: Piece, one: Callable[[tuple[str, ...]], str]) -> str:
    header = piece.header
    if "drums" in header.parts:
        return one(words.DRUM_WORDS)
    alone = {header.programs[role] for role in header.parts} == {0}
    return one(words.SOLO_PIANO_WORDS) if alone else one(words.NO_DRUM_WORDS)


def _happens(piece: Piece) -> list[str]:
    """Phrases about form, hits and missing parts that hold for the piece."""
    told: list[str] = []
    accents = [event for event in piece.events if event.kind.startswith("accent")]
    if sum(event.strength >= _BIG_HIT for event in accents) >= 2:
        told += words.HIT_WORDS
    if sum("gap" in event.kind for event in piece.events) >= 4:
        told += words.STOP_WORDS
    apart = np.diff([event.beat for event in piece.events])
    if len(apart) and np.median(apart) <= _BUSY_BEATS:
        told += words.CHANGE_WORDS
    elif len(apart) and np.median(apart) >= _STEADY_BEATS:
        told += words.STEADY_WORDS
    energies = [section.energy for section in piece.sections[:-1]]
    if max(energies) - energies[0] > _RISE and np.argmax(energies) >= len(energies) // 2:
        told += words.RISE_WORDS
    elif energies[0] - energies[-1] > _RISE:
        told += words.FALL_WORDS
    told += words.METER_WORDS[piece.header.meter]
    if "lead" not in piece.header.parts:
        told += words.NO_LEAD_WORDS
    if "bass" not in piece.header.parts:
        told += words.NO_BASS_WORDS
    return told


def _and(things: list[str]) -> str:
    return things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}"


_TEMPLATES: Final[tuple[Callable[[_Said], str], ...]] = (
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
)


def _clean(text: str) -> str:
    """Single spaces, no empty item between commas, and "an" before a vowel."""
    text = re.sub(r"\s*,(\s*,)*\s*", ", ", " ".join(text.split()))
    text = re.sub(r"^A,? (?=[aeiouAEIOU])", "An ", text)
    return text.replace("A , ", "A ").replace("A, ", "A ").strip(" ,:")
