"""A curve with the same events at other times: what music sounds like that follows a curve, but not this video's."""

from typing import Final

import numpy as np

from model_core.curves import EventCurve

CLEAR_S: Final = 0.3
"""A curve is never split closer than this to one of its events, so that each event keeps its shape."""


def shuffled(curve: EventCurve, duration: float, rng: np.random.Generator) -> EventCurve:
    """The curve split between its events and once more at random, and put together in another order.

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
    order = np.arange(len(splits) - 1)
    while np.array_equal(order, np.arange(len(order))):
        order = rng.permutation(len(order))
    times, values, at = [], [], 0.0
    for number in order:
        start, end = splits[number], splits[number + 1]
        inside = (curve.times >= start) & (curve.times < end)
        times.append(curve.times[inside] - start + at)
        values.append(curve.values[inside])
        at += end - start
    return EventCurve(np.concatenate(times), np.concatenate(values), curve.encoder, curve.window)
