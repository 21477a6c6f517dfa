"""Figures with their chance level, which is that of the same music shifted in time, and pooling over clips."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from model_core.curves.event_curve import EventCurve

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
        """Mean figure of the shifted music."""
        return float(self.null.mean())

    @property
    def z(self) -> float:
        """Standard deviations of the null between its mean and the value."""
        return z_score(self.value, self.null)

    @property
    def p(self) -> float:
        """One-sided probability that chance gives at least the value."""
        return p_value(self.value, self.null)

    def to_json(self) -> dict[str, Any]:
        """Fields ready for JSON; the null is rounded to six digits."""
        return {"value": self.value, "null": [round(float(one), 6) for one in self.null]}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Read what to_json wrote."""
        return cls(fields["value"], np.array(fields["null"], np.float64))


@dataclass(frozen=True)
class Pooled:
    """A figure over many clips.

    Attributes:
        value: mean over clips.
        low, high: 95 % bootstrap interval over clips.
        null_mean, null_high: mean and 95th percentile of the chance level.
        z, p: z score and one-sided p value against chance.
        clips: number of clips.
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
    """Compute `metric` for the events, and for the events at `shifts` circular offsets spread evenly over the duration.

    Shifting the events is the same as shifting the music the other way, but the music is measured only once. No offset
    is closer than SHIFT_MIN_S to the true position.

    Raises:
        ValueError: the duration leaves no room for shifts.
    """
    if duration <= 2 * SHIFT_MIN_S:
        raise ValueError(f"{duration:.2f} s cannot be shifted by {SHIFT_MIN_S} s either way")
    offsets = np.linspace(SHIFT_MIN_S, duration - SHIFT_MIN_S, shifts)
    null = [metric(np.sort((events + offset) % duration)) for offset in offsets]
    return Figure(metric(events), np.array(null, np.float64))


def pool_figures(clips: Sequence[Sequence[Figure]], draws: int = DRAWS, seed: int = 0) -> Pooled:
    """Pool the figures of several clips, each with one or more runs.

    Each draw of the null uses one random shift for each run and averages like the value.

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
    """One-sided p value: share of the null that is at least as high, including the value itself, so never 0."""
    return float((1 + (null >= value - 1e-12).sum()) / (1 + len(null)))


RATE: Final = 25.0
"""Samples per second at which two curves are compared."""
MAX_LAG_S: Final = 0.3
NULL_LAG_MIN_S: Final = 1.0


@dataclass(frozen=True)
class Correlogram:
    """Circular cross-correlation of the curves of a video and its music.

    Attributes:
        products: sum over the samples of video[t] * music[t + lag], both standardized, at lag 0, 1, 2 ... samples of
            1 / RATE seconds, shape (n,); negative lags are at the end. Zeros when a curve is flat.
    """

    products: Floats

    def to_json(self) -> list[float]:
        """Products, ready for JSON."""
        return [round(float(one), 3) for one in self.products]

    @classmethod
    def from_json(cls, products: list[float]) -> Self:
        """Read what to_json wrote."""
        return cls(np.array(products, np.float64))


@dataclass(frozen=True)
class PooledR(Pooled):
    """Pearson's r over all samples of all clips, at the single lag with the highest r; likewise for the null.

    Attributes:
        lag_s: delay of the music against the video, seconds.
    """

    lag_s: float

    @property
    def r(self) -> float:
        """The correlation."""
        return self.value


def correlate_curves(video: EventCurve, music: EventCurve, duration: float, window_s: float) -> Correlogram:
    """Correlate two curves over `duration` seconds, both smoothed with a Hann window of `window_s` seconds.

    A curve that is already smoothed as much or more is not changed.

    Raises:
        ValueError: there are fewer than two samples to compare.
    """
    samples = int(duration * RATE)
    if samples < 2:
        raise ValueError(f"{duration:.3f} s are too short to correlate curves over")
    times = np.arange(samples) / RATE
    video_values, music_values = (_standardize(_smooth(curve, times, window_s)) for curve in (video, music))
    products = np.fft.irfft(np.conj(np.fft.rfft(video_values)) * np.fft.rfft(music_values), samples)
    return Correlogram(products)


def pool_correlations(
    clips: Sequence[Sequence[Correlogram]], max_lag_s: float = MAX_LAG_S, draws: int = DRAWS, seed: int = 0
) -> PooledR:
    """Pool the correlograms of several clips, each with one or more runs; flat curves pull r towards 0.

    Raises:
        ValueError: there are no clips, or one has no runs.
    """
    if not clips or not all(clips):
        raise ValueError("pooling needs at least one clip, and at least one run of each")
    reach = round(max_lag_s * RATE)
    lags = np.arange(-reach, reach + 1)
    rng = np.random.default_rng(seed)
    sums = np.array([sum(_at(run, lags) for run in runs) for runs in clips])
    samples = np.array([sum(len(run.products) for run in runs) for runs in clips], np.float64)
    by_lag = sums.sum(0) / samples.sum()
    best = int(by_lag.argmax())
    picks = rng.integers(len(clips), size=(draws, len(clips)))
    resampled = sums[:, best][picks].sum(1) / samples[picks].sum(1)
    low, high = np.quantile(resampled, [0.025, 0.975])
    null = np.zeros((draws, len(lags)))
    for run in (run for runs in clips for run in runs):
        offsets = _offsets(len(run.products), draws, rng)
        null += run.products[(offsets[:, None] + lags[None, :]) % len(run.products)]
    chance = (null / samples.sum()).max(axis=1)
    r = float(by_lag[best])
    return PooledR(
        value=r,
        low=float(low),
        high=float(high),
        null_mean=float(chance.mean()),
        null_high=float(np.quantile(chance, 0.95)),
        z=z_score(r, chance),
        p=p_value(r, chance),
        clips=len(clips),
        lag_s=float(lags[best] / RATE),
    )


def _at(run: Correlogram, lags: NDArray[np.int64]) -> Floats:
    return run.products[lags % len(run.products)]


def _offsets(samples: int, draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Random shifts of at least NULL_LAG_MIN_S either way, or of half the clip where it is too short."""
    least = min(round(NULL_LAG_MIN_S * RATE), samples // 2)
    return rng.integers(least, max(samples - least, least) + 1, draws)


def _smooth(curve: EventCurve, times: Floats, window_s: float) -> Floats:
    values = curve.at(times)
    if window_s <= curve.window:
        return values
    kernel = np.hanning((round(window_s * RATE) | 1) + 2)[1:-1]
    return np.asarray(correlate1d(values, kernel / kernel.sum(), mode="nearest"))


def _standardize(values: Floats) -> Floats:
    deviation = float(values.std())
    return (values - values.mean()) / deviation if deviation > 1e-9 else np.zeros_like(values)
