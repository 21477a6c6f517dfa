"""Captions: what someone might have asked for, had they wanted this very piece. Everything said is true of it."""

import re
from collections.abc import Callable
from typing import Final

import numpy as np

from model_core.training.captions import instruments as parts
from model_core.training.captions import moods as words
from model_core.training.captions.held_out_words import HELD_OUT_SCENES, HELD_OUT_STYLES
from model_core.training.captions.phrases import SCENE_PHRASES, STYLE_PHRASES
from model_core.training.captions.tables import phrases
from model_core.training.captions.templates import HELD_OUT_TEMPLATES, TEMPLATES, Said
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


def caption(piece: Piece, rng: np.random.Generator, held_out: bool = False) -> str:
    """One caption; the same generator state gives the same one.

    With ``held_out`` its style, scene and form are wordings that captions otherwise never have.
    """
    forms = HELD_OUT_TEMPLATES if held_out else TEMPLATES
    text = _clean(forms[int(rng.integers(len(forms)))](_draw(piece, rng, held_out)))
    return _casual(text) if rng.random() < _CASUAL else text


def _casual(text: str) -> str:
    """As typed in haste: small letters, no articles, no commas or stops but those of figures."""
    return " ".join(re.sub(r"\b(?:an?|the)\b(?!-)|[,:;]|\.(?!\d)", " ", text.lower()).split())


def _draw(piece: Piece, rng: np.random.Generator, held_out: bool) -> Said:
    header = piece.header

    def one(choices: tuple[str, ...]) -> str:
        return str(rng.choice(choices))

    level = "strong" if header.energy > _STRONG else "calm" if header.energy < _CALM else "middle"
    styles = phrases((HELD_OUT_STYLES if held_out else STYLE_PHRASES)[header.style], header.minor, level)
    if "drums" not in header.parts:
        styles = tuple(phrase for phrase in styles if not any(word in phrase for word in parts.NEED_DRUMS))
    by_mode = words.MAJOR_MOODS if not header.minor else (
        words.MINOR_TENSION if header.style == "tension" else words.MINOR_MOODS)  # fmt: skip
    by_level = {"strong": words.STRONG_MOODS, "calm": words.CALM_MOODS, "middle": words.MIDDLE_MOODS}[level]
    moods = [one(by_level), one(by_mode)]
    rng.shuffle(moods)
    programs = sorted({header.programs[role] for role in header.parts if role != "drums"})
    instruments = [one(parts.INSTRUMENT_WORDS[program]) for program in programs] or ["drums"]
    rng.shuffle(instruments)
    tempo = one(
        words.TEMPO_WORDS[
            "slow" if header.felt_bpm < _SLOW_BPM else "fast" if header.felt_bpm > _FAST_BPM else "middle"
        ]
    )
    bpm, mode = f"{round(header.felt_bpm)} bpm", "minor key" if header.minor else "major key"
    drums = _drums(piece, one)
    happens = _happens(piece)
    voiced = any(program in parts.VOICES for program in programs)
    missing: tuple[str, ...] = () if voiced else parts.NO_VOICE_WORDS
    missing += () if "drums" in header.parts else parts.NO_DRUM_WORDS
    missing += () if "lead" in header.parts else parts.NO_LEAD_WORDS
    meters: tuple[str, ...] = words.METER_WORDS[header.meter]
    style, scene = (
        one(styles),
        one(phrases((HELD_OUT_SCENES if held_out else SCENE_PHRASES)[header.style], header.minor, level)),
    )
    told = one(tuple(happens)) if happens else ""
    tags = [style, *moods, *instruments[:2], tempo, drums, told]
    rng.shuffle(tags)
    return Said(
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
        absent=one(missing) if missing else drums,
        meter=one(meters) if meters else "",
    )


def _drums(piece: Piece, one: Callable[[tuple[str, ...]], str]) -> str:
    header = piece.header
    programs = {header.programs[role] for role in header.parts - {"drums"}}
    if len(programs) + ("drums" in header.parts) == 1:
        return one(parts.ALONE_FORMS).format(parts.INSTRUMENT_WORDS[programs.pop()][0] if programs else "drums")
    return one(parts.DRUM_WORDS if "drums" in header.parts else parts.NO_DRUM_WORDS)


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
        told += parts.NO_LEAD_WORDS
    if "bass" not in piece.header.parts:
        told += parts.NO_BASS_WORDS
    return told


def _clean(text: str) -> str:
    """Single spaces, no empty item between commas, and "an" before a vowel."""
    text = re.sub(r"\s*,(\s*,)*\s*", ", ", " ".join(text.split()))
    text = re.sub(r"^A,? (?=[aeiouAEIOU])", "An ", text)
    return text.replace("A , ", "A ").replace("A, ", "A ").strip(" ,:")
