"""What chance would give: the same music at other times, and what several clips say together."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SHIFTS: Final = 200
SHIFT_MIN_S: Final = 0.5
DRAWS: Final = 2000


@dataclass(frozen=True)
class Figure:
    """One figure of one piece of music.

    Attributes:
        value: the figure.
        null: the same figure of the same music shifted in time, shape (S,).
    """

    value: float
    null: Floats

    @property
    def mean(self) -> float:
        """What the shifted music gives on average."""
        return float(self.null.mean())

    @property
    def z(self) -> float:
        """Standard deviations of the null between its mean and the value."""
        return z_score(self.value, self.null)

    @property
    def p(self) -> float:
        """One-sided: how often chance does at least as well."""
        return p_value(self.value, self.null)

    def to_json(self) -> dict[str, Any]:
        """Ready for JSON; a null is kept to six digits."""
        return {"value": self.value, "null": [round(float(one), 6) for one in self.null]}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """What to_json wrote."""
        return cls(fields["value"], np.array(fields["null"], np.float64))


@dataclass(frozen=True)
class Pooled:
    """A figure over many clips.

    Attributes:
        value: mean over clips.
        low, high: 95 % bootstrap interval over clips.
        null_mean, null_high: mean and 95th percentile of what chance gives.
        z, p: of the value against that.
        clips: how many.
    """

    value: float
    low: float
    high: float
    null_mean: float
    null_high: float
    z: float
    p: float
    clips: int


def shift_figure(metric: Callable[[Floats], float], events: Floats, duration: float, shifts: int = SHIFTS) -> Figure:
    """`metric` of the events, and of the events at `shifts` circular offsets spread evenly over the duration.

    Shifting the picture's events one way is shifting the music the other way, and leaves the music to be measured
    once. No offset is nearer than SHIFT_MIN_S to the true place.

    Raises:
        ValueError: the duration leaves no room for shifts.
    """
    if duration <= 2 * SHIFT_MIN_S:
        raise ValueError(f"{duration:.2f} s cannot be shifted by {SHIFT_MIN_S} s either way")
    offsets = np.linspace(SHIFT_MIN_S, duration - SHIFT_MIN_S, shifts)
    null = [metric(np.sort((events + offset) % duration)) for offset in offsets]
    return Figure(metric(events), np.array(null, np.float64))


def pooled(clips: Sequence[Sequence[Figure]], draws: int = DRAWS, seed: int = 0) -> Pooled:
    """The figures of several clips, each with one or more runs, as one.

    Each draw of the null takes one random shift for each run and averages as the value does.

    Raises:
        ValueError: there are no clips, or one has no runs.
    """
    if not clips or not all(clips):
        raise ValueError("pooling needs at least one clip, and at least one run of each")
    rng = np.random.default_rng(seed)
    values = np.array([np.mean([figure.value for figure in runs]) for runs in clips])
    resampled = values[rng.integers(len(values), size=(draws, len(values)))].mean(axis=1)
    low, high = np.quantile(resampled, [0.025, 0.975])
    null = np.zeros(draws)
    for runs in clips:
        for figure in runs:
            null += rng.choice(figure.null, draws) / (len(runs) * len(clips))
    value = float(values.mean())
    return Pooled(
        value,
        float(low),
        float(high),
        float(null.mean()),
        float(np.quantile(null, 0.95)),
        z_score(value, null),
        p_value(value, null),
        len(clips),
    )


def z_score(value: float, null: Floats) -> float:
    """(value - mean) / standard deviation of the null; 0 or infinite where the null does not vary."""
    above, deviation = value - float(null.mean()), float(null.std())
    if deviation > 1e-12:
        return above / deviation
    return 0.0 if abs(above) < 1e-12 else math.copysign(math.inf, above)


def p_value(value: float, null: Floats) -> float:
    """One-sided: how often the null is at least as high, the value itself counted in, so never 0."""
    return float((1 + (null >= value - 1e-12).sum()) / (1 + len(null)))
