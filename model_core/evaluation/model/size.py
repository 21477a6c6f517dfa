"""How much is measured: all of it, or a trial that only shows that everything runs."""

from dataclasses import dataclass
from typing import Final, Self

FULL_SAMPLES: Final = 108
_TRIAL_SAMPLES: Final = 36


@dataclass(frozen=True)
class Size:
    """Counts of the run.

    Attributes:
        samples: takes for each figure.
        corpus: pieces of the corpus for its column.
        library: pieces of the training corpus in which copies are looked for.
        learned, steps: pieces and steps that the style network learns with.
        prompts: at most so many of the held-out prompts.
        timed: takes whose time is measured.
    """

    samples: int
    corpus: int
    library: int
    learned: int
    steps: int
    prompts: int
    timed: int

    @classmethod
    def of(cls, samples: int) -> Self:
        """The full size from 36 samples on; below that all counts are small and the figures mean nothing.

        Raises:
            ValueError: samples is not positive.
        """
        if samples < 1:
            raise ValueError(f"samples: {samples}; at least one is needed")
        if samples < _TRIAL_SAMPLES:
            return cls(samples, 36, 36, 90, 60, 2 * samples, 1)
        return cls(samples, 540, 2160, 6480, 2200, 10_000, 8)
