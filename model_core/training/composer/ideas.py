"""Material of a piece, chosen once: harmony, patterns and motifs for its verse, chorus and bridge."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from model_core.models.score.codec.score import STEPS_PER_BEAT
from model_core.plan.plan import Header
from model_core.training.composer.form import Section
from model_core.training.composer.harmony import Chord, progression
from model_core.training.composer.styles import Groove, Style
from model_core.training.composer.styles.style import TRIPLE

_MOVES: Final = (-2, -1, -1, 1, 1, 2)
_CLOSES: Final = {
    16: ("x---x---x-------", "x-------x-------", "x-----x-x-------"),
    12: ("x---x-------", "x-----------", "x-----x-----"),
}  # fmt: skip


@dataclass(frozen=True)
class Motif:
    """Motif of a melody.

    Attributes:
        rhythms: patterns of the bars A, A', B and A''.
        contours: for the same bars, scale steps from the bar's first note to each further one.
    """

    rhythms: tuple[str, str, str, str]
    contours: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]


def draw_motif(patterns: tuple[str, ...], rng: np.random.Generator) -> Motif:
    """Draw a motif in one of the style's rhythms; its answer keeps the rhythm half of the time."""

    def contour() -> list[int]:
        walk = [0]
        for _ in range(8):
            move = int(rng.choice(_MOVES))
            walk.append(walk[-1] + (move if -2 <= walk[-1] + move <= 4 else -move))
        return walk

    first = str(rng.choice(patterns))
    answer = first if rng.random() < 0.5 else str(rng.choice(patterns))
    close = str(rng.choice(_CLOSES[len(first)]))
    one, two = contour(), contour()
    varied = [*one[:2], *(step - 1 for step in one[2:])]
    ending = (0, *(step - 1 for step in one[1:2]), 0, 0, 0, 0, 0, 0, 0)
    return Motif((first, first, answer, close), (tuple(one), tuple(varied), tuple(two), ending))


@dataclass(frozen=True)
class Material:
    """One set of ideas.

    Attributes:
        progression: its chords in turn.
        chord_beats: beats a chord.
        bass, chords: patterns of one bar, see style.py.
        motif: of the lead.
        arp_shape, arp_rate: order of the arp's notes and steps a note.
        groove: variant of the drum grooves, 0 or 1.
    """

    progression: tuple[Chord, ...]
    chord_beats: int
    bass: str
    chords: str
    motif: Motif
    arp_shape: str
    arp_rate: int
    groove: int


@dataclass(frozen=True)
class Ideas:
    """Musical ideas of a piece, from which its parts are written.

    Attributes:
        materials: of verse, chorus and bridge.
        centre: MIDI pitch round which the chords lie.
        grooves: calm, medium and full.
        bar: steps of a bar.
        pulse: steps of a beat as it is felt, 6 in 6/8 and else 4.
        voicing: of the chords, see Style.
        staccato: True when chords and bass are cut short.
    """

    materials: tuple[Material, ...]
    centre: int
    grooves: tuple[Groove, Groove, Groove]
    bar: int
    pulse: int
    voicing: str
    staccato: bool

    def material_of(self, section: Section) -> Material:
        """The material that a section uses."""
        return self.materials[section.material]

    def chord_at(self, section: Section, beat: int) -> Chord:
        """The chord of a beat of a section, counted from the section's start."""
        material = self.material_of(section)
        return material.progression[(beat // material.chord_beats) % len(material.progression)]

    def begins_chord(self, section: Section, place: int) -> bool:
        """Return True when a chord begins at a step of a section."""
        return place % (4 * self.material_of(section).chord_beats) == 0


def draw_ideas(style: Style, header: Header, rng: np.random.Generator) -> Ideas:
    """Draw the ideas of a piece; the bridge shares the pace of the verse, which keeps the piece together."""
    triple = TRIPLE.get(header.meter)
    own = style if triple is None else triple
    seventh = bool(rng.random() < style.seventh)
    bar = header.beats_per_bar
    chord_beats = int(rng.choice((bar, bar, 2 * bar) if style.slow or bar != 4 else (bar, bar, bar, bar // 2)))
    turns = style.minor_turns if header.minor else style.major_turns
    shape, rate = str(rng.choice(["up", "down", "updown", "alberti"])), int(rng.choice(own.arp_rates))

    def material() -> Material:
        return Material(
            progression=progression(turns, header.minor, seventh, rng),
            chord_beats=chord_beats,
            bass=str(rng.choice(own.bass)),
            chords=str(rng.choice(own.chords)),
            motif=draw_motif(own.lead, rng),
            arp_shape=shape,
            arp_rate=rate,
            groove=int(rng.integers(2)),
        )

    return Ideas(
        materials=(material(), material(), material()),
        centre=int(rng.choice([57, 59, 60, 62])) if style.voicing != "power" else 50,
        grooves=style.grooves if triple is None else triple.grooves[style.triple_drums],
        bar=STEPS_PER_BEAT * bar,
        pulse=6 if header.meter == "6/8" else STEPS_PER_BEAT,
        voicing=style.voicing,
        staccato=style.staccato,
    )
