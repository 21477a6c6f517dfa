"""The procedural composer: makes the training corpus and nothing else; the product cannot import it."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from model_core.codecs.score.header import STYLES, Header
from model_core.codecs.score.score import BEATS_PER_BAR, STEPS_PER_BEAT, Score
from model_core.training.composer.events import Event, end, hit, percussive, prepare, silence
from model_core.training.composer.form import Section, draw_form
from model_core.training.composer.harmony import Chord, progression, tonic
from model_core.training.composer.melody import write_lead
from model_core.training.composer.parts import (
    Ideas,
    chord_at,
    draw_ideas,
    write_arp,
    write_bass,
    write_chords,
    write_drums,
)
from model_core.training.composer.styles import STYLE_TABLE

MIN_BEATS: Final = 16
_HIT_ODDS: Final = 0.85
_MOST_ACCENTS: Final = 5
_JITTER: Final = 0.03

__all__ = ["Event", "Piece", "Section", "compose"]


@dataclass(frozen=True)
class Piece:
    """A composed piece: its score and header, and what the composer knows of it.

    Attributes:
        harmony: the chord of each beat, N of them.
        events: hits, ascending in time.
    """

    score: Score
    header: Header
    sections: list[Section]
    events: list[Event]
    harmony: list[Chord]


def compose(seed: int, style: str | None = None, beats: int = 160) -> Piece:
    """A piece of ``beats`` beats (at least MIN_BEATS, even or odd), the same for the same arguments."""
    if beats < MIN_BEATS:
        raise ValueError(f"beats: {beats}; a piece has at least {MIN_BEATS}")
    rng = np.random.default_rng(seed)
    header = _draw_header(style or str(rng.choice(STYLES)), rng)
    table = STYLE_TABLE[header.style]
    seventh = bool(rng.random() < table.seventh)
    ideas = draw_ideas(table, header, _progressions(header.minor, seventh, rng), rng)
    sections = draw_form(header, beats, rng)
    score = Score.empty(beats)
    for section in sections:
        score.beat_in_bar[section.first_beat : section.first_beat + section.beats] = (
            np.arange(section.beats) % BEATS_PER_BAR
        )
        _write(score, section, ideas, header)
    harmony = [chord_at(s, ideas, beat) for s in sections for beat in range(s.beats)]
    events = _transitions(score, sections, harmony, header, rng) + _accents(score, sections, harmony, header, rng)
    ending = sections[-1]
    end(score, ending, tonic(header.minor), percussive(header.style, header.parts), header.parts)
    harmony[ending.first_beat :] = [tonic(header.minor)] * ending.beats
    events.append(Event(ending.first_beat, 0.8, "ending"))
    _humanise(score.tidy(), rng)
    return Piece(score, header, sections, sorted(events, key=lambda e: e.beat), harmony)


def _draw_header(style: str, rng: np.random.Generator) -> Header:
    table = STYLE_TABLE[style]
    parts = {part for part, chance in table.odds.items() if rng.random() < chance}
    programs = {role: int(rng.choice(choices)) for role, choices in table.programs.items()}
    if style == "piano":
        parts.add("arp" if "lead" not in parts else "lead")
    return Header(
        style=style,
        bpm=float(rng.uniform(*table.bpm)),
        swing=float(rng.uniform(0.6, 1.0) * table.swing),
        minor=bool(rng.random() < table.minor),
        programs=programs,
        parts=frozenset(parts | {"chords"}),
        energy=float(np.clip(rng.normal(0.55, 0.22), 0.1, 0.95)),
        density=len(parts) / len(table.odds),
    )


def _progressions(minor: bool, seventh: bool, rng: np.random.Generator) -> tuple[list[Chord], list[Chord]]:
    return progression(minor, seventh, rng), progression(minor, seventh, rng)


def _write(score: Score, section: Section, ideas: Ideas, header: Header) -> None:
    write_chords(score, section, ideas)
    if "bass" in section.parts:
        write_bass(score, section, ideas)
    if "arp" in section.parts:
        write_arp(score, section, ideas)
    if "lead" in section.parts:
        write_lead(score, section, ideas)
    if "drums" in section.parts:
        write_drums(score, section, STYLE_TABLE[header.style])


def _transitions(
    score: Score, sections: list[Section], harmony: list[Chord], header: Header, rng: np.random.Generator
) -> list[Event]:
    events = []
    for before, after in zip(sections, sections[1:-1], strict=False):
        if rng.random() > _HIT_ODDS:
            continue
        step = STEPS_PER_BEAT * after.first_beat
        strength = float(np.clip(0.45 + 0.6 * abs(after.energy - before.energy) + rng.normal(0, 0.1), 0.3, 1.0))
        room = min(16, STEPS_PER_BEAT * before.beats - 4)
        kind = prepare(score, step, room, header.style, "drums" in before.parts, rng)
        hit(score, step, harmony[after.first_beat], strength, header.parts, percussive(header.style, header.parts))
        events.append(Event(after.first_beat, strength, f"section after {kind}"))
    return events


def _accents(
    score: Score, sections: list[Section], harmony: list[Chord], header: Header, rng: np.random.Generator
) -> list[Event]:
    events: list[Event] = []
    starts = np.array([section.first_beat for section in sections])
    for _ in range(int(rng.integers(0, _MOST_ACCENTS + 1))):
        beat = int(rng.integers(2, score.beats - 6)) + 0.5 * int(rng.random() < 0.25)
        taken = np.concatenate([starts, [event.beat for event in events]])
        if np.abs(taken - beat).min() < 2:
            continue
        step = int(STEPS_PER_BEAT * beat)
        strength = float(rng.uniform(0.6, 1.0))
        kind = prepare(score, step, 4, header.style, "drums" in header.parts, rng)
        hit(score, step, harmony[int(beat)], strength, header.parts, percussive(header.style, header.parts))
        if rng.random() < 0.35:  # the music holds its breath after it
            silence(score, step + 4, min(score.steps, step + 4 + int(rng.choice([2, 4]))))
        events.append(Event(beat, strength, f"accent after {kind}"))
    return events


def _humanise(score: Score, rng: np.random.Generator) -> None:
    for part, velocity in score.mono_velocity.items():
        onset = score.mono[part] > 1
        velocity[onset] = np.clip(velocity[onset] * (1 + rng.normal(0, _JITTER, onset.sum())), 0.08, 1)
    hits = score.drums > 0
    hits[:, -1] = False
    score.drums[hits] = np.clip(score.drums[hits] * (1 + rng.normal(0, _JITTER, hits.sum())), 0.08, 1)
