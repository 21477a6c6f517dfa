"""A curve with the same events at other times: what music sounds like that follows a curve, but not this video's."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve, FloatArray

CLEAR_S: Final = 0.3
"""A curve is never split closer than this to one of its events, so that each event keeps its shape."""
CANDIDATES: Final = 50
"""Orders that are tried; the one that leaves fewest events in their places is taken."""


def shuffled(curve: EventCurve, duration: float, rng: np.random.Generator) -> EventCurve:
    """The curve split between its events and once more at random, and put together in an order that moves them.

    It keeps the number, the sizes and the shapes of the events, and the mean and deviation of the whole. A curve in
    which no place is CLEAR_S away from the events comes back as it is.
    """
    events = curve.peaks().times
    between = (events[1:] + events[:-1]) / 2
    places = np.arange(CLEAR_S, duration - CLEAR_S, 0.01)
    for event in events:
        places = places[np.abs(places - event) >= CLEAR_S]
    if not len(places):
        return curve
    gaps = events[1:] - events[:-1]
    splits = np.unique([0.0, *between[gaps >= 2 * CLEAR_S], rng.choice(places), duration])
    candidates = [_joined(curve, splits, rng.permutation(len(splits) - 1)) for _ in range(CANDIDATES)]
    return min(candidates, key=lambda other: _unmoved(events, other.peaks().times))


def _joined(curve: EventCurve, splits: FloatArray, order: NDArray[np.int64]) -> EventCurve:
    """The segments between the splits, one after the other in the given order."""
    times, taken, at = list[FloatArray](), list[NDArray[np.intp]](), 0.0
    for number in order:
        start, end = splits[number], splits[number + 1]
        inside = np.flatnonzero((curve.times >= start) & (curve.times < end))
        times.append(curve.times[inside] - start + at)
        taken.append(inside)
        at += end - start
    places = np.concatenate(taken)
    sizes = None if curve.sizes is None else curve.sizes[places]
    return replace(curve, times=np.concatenate(times), values=curve.values[places], sizes=sizes)


def _unmoved(events: FloatArray, others: FloatArray) -> int:
    """How many events still have one where they were."""
    if not len(events) or not len(others):
        return 0
    return int((np.abs(events[:, None] - others[None]).min(axis=1) < CLEAR_S).sum())
