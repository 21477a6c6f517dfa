"""Plans: everything about a piece of music that is fixed before the flow samples its latents."""

from dataclasses import dataclass

from model_core.plan.header import Header
from model_core.plan.tempo_map import TempoMap


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
