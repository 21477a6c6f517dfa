"""Event curves that no video has: a few events at random times and of random strengths."""

from typing import Final

import numpy as np

from model_core.curves.event_curve import EventCurve, FloatArray

FRAME_RATE: Final = 25.0
SHORTEST_S, LONGEST_S = 30.0, 40.0
_FEWEST, _MOST = 3, 12
_APART_S: Final = 1.2
_CLEAR_S: Final = 1.0
"""No event nearer to either end."""
_PULSE_S: Final = 0.08
_NOISE: Final = 0.02


def planted_curve(seed: int) -> EventCurve:
    """A standardised curve with 3 to 12 narrow peaks over 30 to 40 s, on no grid, and a little noise between them."""
    rng = np.random.default_rng([seed, 41])
    duration = float(rng.uniform(SHORTEST_S, LONGEST_S))
    events = planted_times(int(rng.integers(_FEWEST, _MOST + 1)), duration, rng)
    strengths = rng.uniform(0.6, 1.0, len(events))
    times = np.arange(round(duration * FRAME_RATE)) / FRAME_RATE
    pulses = strengths * np.exp(-0.5 * ((times[:, None] - events) / _PULSE_S) ** 2)
    raw = pulses.max(axis=1) + rng.uniform(0, _NOISE, len(times))
    return EventCurve(times, (raw - raw.mean()) / raw.std(), "planted")


def planted_times(count: int, duration: float, rng: np.random.Generator) -> FloatArray:
    """Random seconds at least _APART_S apart and _CLEAR_S away from the ends, shape (count,), ascending."""
    slack = duration - 2 * _CLEAR_S - (count - 1) * _APART_S
    return np.asarray(_CLEAR_S + np.sort(rng.uniform(0, slack, count)) + _APART_S * np.arange(count))


def duration_of(curve: EventCurve) -> float:
    """Seconds that a planted curve covers."""
    return len(curve.times) / FRAME_RATE
