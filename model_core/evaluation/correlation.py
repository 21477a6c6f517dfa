"""Does the music change when the picture does? Two event curves correlated, pooled over clips, with the null."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from model_core.curves.event_curve import EventCurve
from model_core.evaluation.nulls import DRAWS, Pooled, p_value, z_score

Floats = NDArray[np.float64]

RATE: Final = 25.0
"""Samples a second at which two curves are compared."""
MAX_LAG_S: Final = 0.3
NULL_LAG_MIN_S: Final = 1.0


@dataclass(frozen=True)
class Correlogram:
    """The circular cross-correlation of one video's curve and one piece of music's.

    Attributes:
        products: sum over the samples of video[t] * music[t + lag], both standardised, at lag 0, 1, 2 ... samples of
            1 / RATE seconds, shape (n,); negative lags are at the end. Zeros when a curve is flat.
    """

    products: Floats

    def to_json(self) -> list[float]:
        """Ready for JSON."""
        return [round(float(one), 3) for one in self.products]

    @classmethod
    def from_json(cls, products: list[float]) -> Self:
        """What to_json wrote."""
        return cls(np.array(products, np.float64))


@dataclass(frozen=True)
class PooledR(Pooled):
    """Pearson's r over all samples of all clips, at the one lag that suits all of them best; so for its null.

    Attributes:
        lag_s: how much later the music changes, seconds.
    """

    lag_s: float

    @property
    def r(self) -> float:
        """The correlation."""
        return self.value


def correlogram(video: EventCurve, music: EventCurve, duration: float, window_s: float) -> Correlogram:
    """Compare two curves over `duration` seconds, both smoothed to a Hann window of `window_s` seconds.

    A curve that was smoothed as wide or wider already is left as it is.

    Raises:
        ValueError: there are fewer than two samples to compare.
    """
    samples = int(duration * RATE)
    if samples < 2:
        raise ValueError(f"{duration:.3f} s are too short to correlate curves over")
    times = np.arange(samples) / RATE
    given, heard = (_standardised(_smoothed(curve, times, window_s)) for curve in (video, music))
    products = np.fft.irfft(np.conj(np.fft.rfft(given)) * np.fft.rfft(heard), samples)
    return Correlogram(products)


def pooled_r(
    clips: Sequence[Sequence[Correlogram]], max_lag_s: float = MAX_LAG_S, draws: int = DRAWS, seed: int = 0
) -> PooledR:
    """All clips, each with one or more runs, as one; a flat curve takes part with zeros and pulls r towards 0.

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
    """Random shifts of at least NULL_LAG_MIN_S either way; of half the clip where it is too short for that."""
    least = min(round(NULL_LAG_MIN_S * RATE), samples // 2)
    return rng.integers(least, max(samples - least, least) + 1, draws)


def _smoothed(curve: EventCurve, times: Floats, window_s: float) -> Floats:
    values = curve.at(times)
    if window_s <= curve.window:
        return values
    kernel = np.hanning((round(window_s * RATE) | 1) + 2)[1:-1]
    return np.asarray(correlate1d(values, kernel / kernel.sum(), mode="nearest"))


def _standardised(values: Floats) -> Floats:
    deviation = float(values.std())
    return (values - values.mean()) / deviation if deviation > 1e-9 else np.zeros_like(values)
