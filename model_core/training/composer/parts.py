"""The parts: each writes one section of one instrument onto the grid."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from model_core.codecs.score.header import Header
from model_core.codecs.score.score import FIRST_PITCH, LANE, RANGES, STEPS_PER_BEAT, SUSTAIN, Score
from model_core.training.composer.form import Section
from model_core.training.composer.harmony import Chord, voicing
from model_core.training.composer.styles import Style

_BAR: Final = 16
_GHOST: Final = 0.88  # weak steps beside strong ones


@dataclass(frozen=True)
class Ideas:
    """What a piece is made of, drawn once; tuples of two are its two materials.

    Attributes:
        progressions: four chords each.
        chord_beats: beats a chord.
        bass, chords: patterns of one bar.
        motifs: two rhythms a material, for the bars A and B of a phrase.
        contours: for the same, steps between successive notes.
        arp_shape, arp_rate: order of the arp's notes and steps a note.
        centre: MIDI pitch round which chords are voiced.
    """

    progressions: tuple[list[Chord], list[Chord]]
    chord_beats: int
    bass: tuple[str, str]
    chords: tuple[str, str]
    motifs: tuple[tuple[str, str], tuple[str, str]]
    contours: tuple[tuple[list[int], list[int]], tuple[list[int], list[int]]]
    arp_shape: str
    arp_rate: int
    centre: int


def draw_ideas(style: Style, header: Header, progressions: tuple[list[Chord], list[Chord]],
               rng: np.random.Generator) -> Ideas:  # fmt: skip
    """The ideas of a piece."""

    def contour() -> list[int]:
        return [0, *(int(step) for step in rng.choice([-2, -1, -1, 1, 1, 2], 7))]

    def pair(patterns: tuple[str, ...]) -> tuple[str, str]:
        return str(rng.choice(patterns)), str(rng.choice(patterns))

    slow = header.style in ("ambient", "cinematic", "tension", "piano")
    return Ideas(
        progressions=progressions,
        chord_beats=int(rng.choice([4, 4, 8] if slow else [4, 4, 4, 2])),
        bass=pair(style.bass),
        chords=pair(style.chords),
        motifs=(pair(style.lead), pair(style.lead)),
        contours=((contour(), contour()), (contour(), contour())),
        arp_shape=str(rng.choice(["up", "down", "updown", "alberti"])),
        arp_rate=int(rng.choice(style.arp_rates)),
        centre=int(rng.choice([57, 59, 60, 62])),
    )


def chord_at(section: Section, ideas: Ideas, beat: int) -> Chord:
    """The chord of a beat of a section, counted from the section's start."""
    chords = ideas.progressions[section.material]
    return chords[(beat // ideas.chord_beats) % len(chords)]


def level_of(section: Section) -> float:
    """Velocity of the groove: even and moderate, so that what happens stands out."""
    return 0.3 + 0.24 * section.energy


def write_drums(score: Score, section: Section, style: Style) -> None:
    """The groove of the section's energy; a build rolls towards its end."""
    groove = style.drums[0 if section.energy < 0.4 else 1 if section.energy < 0.7 else 2]
    level = level_of(section)
    for step in _steps(section):
        for lane, pattern in groove.items():
            digit = pattern[(step - STEPS_PER_BEAT * section.first_beat) % _BAR]
            if digit != ".":
                score.drums[step, LANE[lane]] = int(digit) / 7 * level
    if section.name == "build":
        lane = LANE["tom_low" if "tom_low" in groove else "snare"]
        steps = _steps(section)
        for index, step in enumerate(steps):
            share = index / len(steps)
            if index % (4 if share < 0.5 else 2 if share < 0.8 else 1) == 0:
                score.drums[step, lane] = 0.3 + 0.25 * share


def write_bass(score: Score, section: Section, ideas: Ideas) -> None:
    """The root, its fifth and octave in the pattern of the material."""
    low = RANGES["bass"].low
    pattern = ideas.bass[section.material] if section.energy >= 0.35 else "r---------------"
    state, velocity, level = score.mono["bass"], score.mono_velocity["bass"], level_of(section)
    for step, beat, place in _places(section):
        root = low + (chord_at(section, ideas, beat).root - low) % 12
        symbol = pattern[place % _BAR]
        changed = place % STEPS_PER_BEAT == 0 and beat % ideas.chord_beats == 0 and symbol == "-"
        if symbol in "rfo" or changed:
            # The fifth of E major's neighbours would leave the scale only for B; the grid's chords never need it.
            pitch = root + {"f": 7, "o": 12}.get(symbol, 0)
            state[step] = FIRST_PITCH + min(pitch - low, RANGES["bass"].count - 1)
            velocity[step] = level * (1.0 if place % 4 == 0 else _GHOST)
        elif symbol == "-" and place:
            state[step], velocity[step] = SUSTAIN, velocity[step - 1]


def write_chords(score: Score, section: Section, ideas: Ideas) -> None:
    """Chords in the nearest voicing, struck where the pattern or the harmony says so."""
    pattern = ideas.chords[section.material] if section.energy >= 0.35 else "x---------------"
    centre, level = ideas.centre + section.lift, level_of(section)
    sounding = False
    for step, beat, place in _places(section):
        symbol = pattern[place % _BAR]
        turned = place % STEPS_PER_BEAT == 0 and beat % ideas.chord_beats == 0
        if symbol == "x" or (turned and symbol == "-"):
            sounding = True
            score.chord_struck[step] = True
        elif symbol == ".":
            sounding = False
        if sounding:
            score.chord[step, [p - RANGES["chords"].low for p in voicing(chord_at(section, ideas, beat), centre)]] = True
            strike = score.chord_struck[step]
            score.chord_velocity[step] = level * (1.0 if place % 4 == 0 else _GHOST) if strike else (
                score.chord_velocity[step - 1])  # fmt: skip


def write_arp(score: Score, section: Section, ideas: Ideas) -> None:
    """Broken chords at a steady rate."""
    low, state, velocity = RANGES["arp"].low, score.mono["arp"], score.mono_velocity["arp"]
    base = 60 + (section.lift if section.lift > 0 else 0)
    for step, beat, place in _places(section):
        if place % ideas.arp_rate:
            state[step], velocity[step] = SUSTAIN, velocity[step - 1]
            continue
        pitch_classes = chord_at(section, ideas, beat).pitch_classes
        notes = [p for p in range(base, base + 22) if p % 12 in pitch_classes][:5]
        index, count = place // ideas.arp_rate, len(notes)
        order = {
            "up": index % count,
            "down": count - 1 - index % count,
            "updown": abs(index % (2 * count - 2) - (count - 1)),
            "alberti": (0, 2, 1, 2)[index % 4],
        }[ideas.arp_shape]
        state[step] = FIRST_PITCH + notes[order] - low
        velocity[step] = level_of(section) * (0.85 if place % 4 == 0 else 0.72)


def _steps(section: Section) -> range:
    return range(STEPS_PER_BEAT * section.first_beat, STEPS_PER_BEAT * (section.first_beat + section.beats))


def _places(section: Section) -> list[tuple[int, int, int]]:
    """Each step of a section: its index in the piece, its beat and its own index in the section."""
    return [(step, place // STEPS_PER_BEAT, place) for place, step in enumerate(_steps(section))]
