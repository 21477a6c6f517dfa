"""Captions: what someone might have asked for, had they wanted this very piece. Everything said is true of it."""

import re
from typing import Final

import numpy as np

from model_core.training.caption_words import (
    CALM_MOODS,
    DRUM_WORDS,
    HIT_WORDS,
    INSTRUMENT_WORDS,
    MAJOR_MOODS,
    MIDDLE_MOODS,
    MINOR_MOODS,
    NO_DRUM_WORDS,
    SCENES,
    STRONG_MOODS,
    STYLE_WORDS,
)
from model_core.training.composer import Piece

_SLOW_BPM: Final = 84
_FAST_BPM: Final = 116
_STRONG: Final = 0.68
_CALM: Final = 0.42


def caption(piece: Piece, rng: np.random.Generator) -> str:
    """One caption; the same generator state gives the same one."""

    def one(words: tuple[str, ...]) -> str:
        return str(rng.choice(words))

    style, scene = one(STYLE_WORDS[piece.header.style]), one(SCENES[piece.header.style])
    moods = [one(words) for words in _moods(piece)]
    rng.shuffle(moods)
    moods = moods[: int(rng.integers(0, 3))]
    mood = ", ".join(moods)
    instruments = [one(INSTRUMENT_WORDS[program]) for program in sorted(_programs(piece))]
    rng.shuffle(instruments)
    some = instruments[: int(rng.integers(1, 4))]
    drums = one(DRUM_WORDS) if "drums" in piece.header.parts else one(NO_DRUM_WORDS)
    tempo = _tempo_word(piece.header.bpm)
    templates = (
        lambda: ", ".join([*moods, style]),
        lambda: f"{mood} {style} for {scene}",
        lambda: f"music for {scene}, {mood or tempo}",
        lambda: f"{tempo} {style} with {' and '.join(some)}, {drums}",
        lambda: f"A {mood} {style} track featuring {', '.join(some)}. {round(piece.header.bpm)} bpm.",
        lambda: f"{mood} {' and '.join(some[:2])} for {scene}",
        lambda: f"{style}, {drums}, {mood or tempo}",
        lambda: f"{mood} {style}, then {one(HIT_WORDS)}",
        lambda: f"{', '.join(some)}, {mood}, {style}",
        lambda: f"{style}, {_mode_word(piece)}, {round(piece.header.bpm)} bpm, {drums}",
    )
    text = templates[int(rng.integers(len(templates)))]()
    return _clean(text)


def _moods(piece: Piece) -> list[tuple[str, ...]]:
    energy = piece.header.energy
    level = STRONG_MOODS if energy > _STRONG else CALM_MOODS if energy < _CALM else MIDDLE_MOODS
    return [level, MINOR_MOODS if piece.header.minor else MAJOR_MOODS]


def _programs(piece: Piece) -> set[int]:
    header = piece.header
    return {header.programs[role] for role in header.parts if role != "drums"}


def _tempo_word(bpm: float) -> str:
    return "slow" if bpm < _SLOW_BPM else "fast" if bpm > _FAST_BPM else "mid-tempo"


def _mode_word(piece: Piece) -> str:
    return "minor key" if piece.header.minor else "major key"


def _clean(text: str) -> str:
    text = re.sub(r"\s*,(\s*,)*\s*", ", ", " ".join(text.split()))
    return text.replace("A , ", "A ").replace("A, ", "A ").strip(" ,")
