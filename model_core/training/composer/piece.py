"""Composition of a whole piece: header, form and ideas first, then the parts section by section, then the events."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from model_core.models.score.codec.score import FIRST_PITCH, LANE, ROLES, STEPS_PER_BEAT, Score
from model_core.plan.plan import STYLES, Header
from model_core.training.composer.events import Event, HitContext, add_accents, close, draw_gap, end, hit, prepare
from model_core.training.composer.form import Section, draw_form, draw_header
from model_core.training.composer.harmony import Chord, tonic
from model_core.training.composer.ideas import Ideas, draw_ideas
from model_core.training.composer.parts import write_arp, write_bass, write_chords, write_drums, write_lead
from model_core.training.composer.styles import STYLE_TABLE
from model_core.training.composer.writing import compute_level, silence

MIN_BEATS: Final = 16
_OPENING_ODDS: Final = 0.2
_SOFT_START: Final = (0.5, 0.7, 0.85)  # of the velocities, beat by beat, of a piece that opens softly
_SOFT_ENDING_ODDS: Final = 0.6
_BREATH_ODDS: Final = 0.8
_JITTER: Final = 0.03
_LEAST_VELOCITY: Final = 0.1


@dataclass(frozen=True)
class Piece:
    """A composed piece: its score and header, its sections, events and harmony.

    Attributes:
        sections: they fill the piece, the last one is the ending.
        events: hits, ascending in time; a piece may close softly, and then its ending is none.
        harmony: the chord of each beat, N of them.
    """

    score: Score
    header: Header
    sections: list[Section]
    events: list[Event]
    harmony: list[Chord]


def compose(seed: int, style: str | None = None, beats: int = 160) -> Piece:
    """A piece of ``beats`` beats (at least MIN_BEATS, even or odd), the same for the same arguments.

    Raises:
        ValueError: too few beats, or a style that is not one of STYLES.
    """
    if beats < MIN_BEATS:
        raise ValueError(f"beats: {beats}; a piece has at least {MIN_BEATS}")
    if style is not None and style not in STYLES:
        raise ValueError(f"style: {style}; it is one of {', '.join(STYLES)}")
    rng = np.random.default_rng(seed)
    header = draw_header(style or str(rng.choice(STYLES)), rng)
    ideas = draw_ideas(STYLE_TABLE[header.style], header, rng)
    sections = draw_form(header, beats, rng)
    header = _complete_header(header, sections)
    score = Score.empty(beats)
    for section in sections[:-1]:
        _write(score, section, ideas, header)
    harmony = [ideas.chord_at(section, beat) for section in sections for beat in range(section.beats)]
    harmony[sections[-1].first_beat :] = [tonic(header.minor)] * sections[-1].beats
    _count_bars(score, sections, header)
    events = _changes(score, sections, harmony, header, rng)
    events += add_accents(score, sections, harmony, header, rng)
    events += _ending(score, sections, header, rng)
    _humanise(score.keep_only(header.parts), rng)
    return Piece(score, header, sections, sorted(events, key=lambda event: event.beat), harmony)


def _complete_header(header: Header, sections: list[Section]) -> Header:
    """The header with the parts that some section uses, and the density that the form has."""
    parts = frozenset().union(*(section.parts for section in sections))
    layers = sum(len(section.parts) * section.beats for section in sections)
    return replace(header, parts=parts, density=layers / (len(ROLES) * sum(section.beats for section in sections)))


def _count_bars(score: Score, sections: list[Section], header: Header) -> None:
    for section in sections:
        score.beat_in_bar[section.first_beat : section.first_beat + section.beats] = (
            np.arange(section.beats) % header.beats_per_bar
        )


def _write(score: Score, section: Section, ideas: Ideas, header: Header) -> None:
    write_chords(score, section, ideas)
    if "bass" in section.parts:
        write_bass(score, section, ideas)
    if "arp" in section.parts:
        write_arp(score, section, ideas)
    if "lead" in section.parts:
        write_lead(score, section, ideas)
    if "drums" in section.parts:
        write_drums(score, section, ideas)


def _changes(
    score: Score, sections: list[Section], harmony: list[Chord], header: Header, rng: np.random.Generator
) -> list[Event]:
    """A hit where each section begins, the ending apart; the piece itself opens with one or softly."""
    events = []
    if rng.random() < _OPENING_ODDS:
        hit(score, 0, harmony[0], 0.8, header.parts)
        events.append(Event(0, 0.8, "opening"))
    else:
        _open_softly(score)
    for before, after in pairwise(sections[:-1]):
        step = STEPS_PER_BEAT * after.first_beat
        change = abs(after.energy - before.energy)
        strength = float(np.clip(0.5 + 0.7 * change + rng.normal(0, 0.12), 0.4, 1.0))
        room = HitContext(
            STEPS_PER_BEAT * (before.beats - 1), "drums" in before.parts, "drums" in header.parts, header.bpm
        )
        kind = prepare(score, step, room, rng)
        hit(score, step, harmony[after.first_beat], strength, header.parts)
        events.append(Event(after.first_beat, strength, f"section after {kind}"))
    return events


def _open_softly(score: Score) -> None:
    """The first beats come in below their level: out of silence any onset is heard as an event, and this is none."""
    for beat, share in enumerate(_SOFT_START):
        steps = slice(STEPS_PER_BEAT * beat, STEPS_PER_BEAT * (beat + 1))
        for velocity in (*score.mono_velocity.values(), score.chord_velocity):
            velocity[steps] *= share
        score.drums[steps, : LANE["riser"]] *= share


def _ending(score: Score, sections: list[Section], header: Header, rng: np.random.Generator) -> list[Event]:
    """The last chord: mostly one that closes softly and is no event, else a hit, usually after a short silence."""
    last, chord = sections[-1], tonic(header.minor)
    if rng.random() < _SOFT_ENDING_ODDS:
        close(score, last, chord, header.parts, compute_level(sections[-2] if len(sections) > 1 else last))
        return []
    step = STEPS_PER_BEAT * last.first_beat
    if rng.random() < _BREATH_ODDS:
        silence(score, step - draw_gap(header.bpm, rng), step)
    return [end(score, last, chord, header.parts)]


def _humanise(score: Score, rng: np.random.Generator) -> None:
    """Velocities vary by a few hundredths, as hands do; held steps keep their note's."""
    for part, velocity in score.mono_velocity.items():
        onset = score.mono[part] >= FIRST_PITCH
        velocity[onset] = np.clip(velocity[onset] * (1 + rng.normal(0, _JITTER, onset.sum())), _LEAST_VELOCITY, 1)
    hits = score.drums > 0
    hits[:, LANE["riser"]] = False
    score.drums[hits] = np.clip(score.drums[hits] * (1 + rng.normal(0, _JITTER, hits.sum())), _LEAST_VELOCITY, 1)
