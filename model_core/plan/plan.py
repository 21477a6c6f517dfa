"""The plan of one score: everything that is fixed before the flow draws its first latent."""

from dataclasses import dataclass

from model_core.plan.header import Header
from model_core.plan.tempo_map import TempoMap


@dataclass(frozen=True)
class Plan:
    """Header, key and tempo map of a score.

    Attributes:
        header: style, tempo, instruments.
        key: semitones by which the grid's C major or A minor is transposed when played, -5..6.
        tempo: when each beat falls.
        duration: of the sound, seconds.
        seed: of everything that is random in making the sound.
    """

    header: Header
    key: int
    tempo: TempoMap
    duration: float
    seed: int
