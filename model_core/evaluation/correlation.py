"""Does the music do what the curve asked? The given against the re-extracted curve, pooled over runs, with its null."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.curves import EventCurve

Floats = NDArray[np.float64]

RATE: Final = 25.0
"""Samples a second at which two curves are compared; finer than either curve's own window."""


def sampled(curve: EventCurve, duration: float) -> Floats:
    """The curve on the common grid from 0 to `duration` seconds."""
    return curve.at(np.arange(int(duration * RATE)) / RATE)


def standardised(values: Floats) -> Floats:
    """Mean 0 and deviation 1; zeros for a constant."""
    deviation = values.std()
    return (values - values.mean()) / deviation if deviation > 1e-9 else np.zeros_like(values)


def pooled_correlation(pairs: Sequence[tuple[Floats, Floats]]) -> float:
    """Pearson's r over all samples of all pairs, each curve standardised first and cut to the shorter of its pair.

    A flat curve takes part with zeros, so it pulls r towards 0. 0 when nothing varies.
    """
    moments = np.zeros(3)
    for given, heard in pairs:
        moments += _moments(given, heard)
    return _r(moments)


def mismatched_null(
    given: Sequence[Floats], heard: Sequence[Floats], clips: Sequence[int], draws: int = 1000, seed: int = 0
) -> Floats:
    """Pooled r of each run's music against another clip's given curve, for `draws` random ways to swap the clips.

    `given[i]` and `heard[i]` belong to a run of clip number `clips[i]`; each run meets the curve of another
    clip each time.

    Raises:
        ValueError: there are fewer than two clips.
    """
    names = sorted(set(clips))
    if len(names) < 2:
        raise ValueError("a mismatched null needs at least two clips")
    runs = {name: [i for i, clip in enumerate(clips) if clip == name] for name in names}
    moments = np.array([[_moments(g, h) for g in given] for h in heard])
    rng = np.random.default_rng(seed)
    null = np.empty(draws)
    for draw in range(draws):
        order = rng.permutation(len(names))
        # Each clip takes the curve of the next one round a random circle: nobody keeps their own.
        other = {names[a]: names[b] for a, b in zip(order, np.roll(order, 1), strict=True)}
        picks = [rng.choice(runs[other[clip]]) for clip in clips]
        null[draw] = _r(moments[np.arange(len(clips)), picks].sum(0))
    return null


def _moments(given: Floats, heard: Floats) -> Floats:
    """Sums of x^2, y^2 and x y of the standardised pair."""
    n = min(len(given), len(heard))
    x, y = standardised(given[:n]), standardised(heard[:n])
    return np.array([x @ x, y @ y, x @ y])


def _r(moments: Floats) -> float:
    xx, yy, xy = moments
    return float(xy / np.sqrt(xx * yy)) if xx > 0 and yy > 0 else 0.0
