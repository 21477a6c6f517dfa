"""Header and plan of a piece of music: everything that is fixed before the flow samples its latents."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.plan.tempo_map import TempoMap
from model_core.plan.vocabulary import METERS, VOCABULARY, Vocabulary

STYLES: Final = VOCABULARY.styles
PROGRAMS: Final = VOCABULARY.programs
BPM_RANGE: Final = VOCABULARY.bpm
HEADER_DIM: Final = VOCABULARY.dimension


@dataclass(frozen=True)
class Header:
    """Properties that hold for a whole piece: style, tempo, meter and instruments.

    Attributes:
        style: a style of the vocabulary.
        bpm: tempo in quarter notes per minute.
        swing: 0 (straight) .. 1 (off-beat sixteenths a third of a step late).
        minor: True for minor; the grid is in C major or A minor.
        programs: General MIDI program of each role, from the vocabulary.
        parts: roles that may play.
        energy: overall intensity, 0..1.
        density: number of layers that play at once, 0..1.
        meter: a key of METERS.
    """

    style: str
    bpm: float
    swing: float
    minor: bool
    programs: dict[str, int]
    parts: frozenset[str]
    energy: float
    density: float
    meter: str = "4/4"

    @property
    def beats_per_bar(self) -> int:
        """Quarter notes in a bar."""
        return METERS[self.meter]

    @property
    def felt_bpm(self) -> float:
        """Tempo as a listener counts it: in 6/8 dotted quarters."""
        return self.bpm / 1.5 if self.meter == "6/8" else self.bpm

    def vector(self, vocabulary: Vocabulary = VOCABULARY) -> NDArray[np.float32]:
        """The header as a condition of the flow, shape (vocabulary.dimension,), values roughly within -1..1."""
        low, high = vocabulary.bpm
        values = [float(self.style == style) for style in vocabulary.styles]
        if len(vocabulary.meters) > 1:
            values += [float(self.meter == meter) for meter in vocabulary.meters]
        values += [2 * (self.bpm - low) / (high - low) - 1, self.swing, 1.0 if self.minor else -1.0]
        values += [2 * self.energy - 1, 2 * self.density - 1]
        for role, choices in vocabulary.programs.items():
            present = role in self.parts
            values.append(float(present))
            values += [float(present and self.programs[role] == program) for program in choices]
        return np.array(values, np.float32)


@dataclass(frozen=True)
class Plan:
    """Plan of any model.

    Attributes:
        duration: length of the music in seconds, more than 0.
        seed: seed of all random choices in rendering.
    """

    duration: float
    seed: int


@dataclass(frozen=True)
class ScorePlan(Plan):
    """Plan of a score model: a piece with a header, a key and a tempo map.

    Attributes:
        header: style, tempo, meter, mode, parts and instruments.
        key: semitones by which the grid's C major or A minor is transposed when rendered, -5..6.
        tempo: times of the beats.
    """

    header: Header
    key: int
    tempo: TempoMap
