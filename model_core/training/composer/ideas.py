"""What a piece is made of, drawn once: harmony, patterns and motifs for its verse, chorus and bridge."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from model_core.codecs.score.header import Header
from model_core.training.composer.form import Section
from model_core.training.composer.harmony import Chord, progression
from model_core.training.composer.melody import Motif, draw_motif
from model_core.training.composer.styles import Style

_SLOW: Final = ("ambient", "cinematic", "tension", "piano")


@dataclass(frozen=True)
class Material:
    """One set of ideas.

    Attributes:
        progression: its chords in turn.
        chord_beats: beats a chord.
        bass, chords: patterns of one bar.
        motif: what the lead is made of.
        arp_shape, arp_rate: order of the arp's notes and steps a note.
        groove: which variant of the drum grooves it uses, 0 or 1.
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
    """The materials of a piece (verse, chorus, bridge) and the MIDI pitch round which its chords lie."""

    materials: tuple[Material, ...]
    centre: int

    def of(self, section: Section) -> Material:
        """The material that a section uses."""
        return self.materials[section.material]

    def chord_at(self, section: Section, beat: int) -> Chord:
        """The chord of a beat of a section, counted from the section's start."""
        material = self.of(section)
        return material.progression[(beat // material.chord_beats) % len(material.progression)]

    def turns(self, section: Section, place: int) -> bool:
        """Whether a chord begins at a step of a section."""
        return place % (4 * self.of(section).chord_beats) == 0


def draw_ideas(style: Style, header: Header, rng: np.random.Generator) -> Ideas:
    """The ideas of a piece; the bridge shares the pace of the verse, so that the piece hangs together."""
    seventh = bool(rng.random() < style.seventh)
    rates = (4, 4, 8) if header.style in _SLOW else (4, 4, 4, 2)
    chord_beats = int(rng.choice(rates))
    shape, rate = str(rng.choice(["up", "down", "updown", "alberti"])), int(rng.choice(style.arp_rates))

    def material() -> Material:
        return Material(
            progression=progression(header.style, header.minor, seventh, rng),
            chord_beats=chord_beats,
            bass=str(rng.choice(style.bass)),
            chords=str(rng.choice(style.chords)),
            motif=draw_motif(style.lead, rng),
            arp_shape=shape,
            arp_rate=rate,
            groove=int(rng.integers(2)),
        )

    return Ideas((material(), material(), material()), int(rng.choice([57, 59, 60, 62])))
