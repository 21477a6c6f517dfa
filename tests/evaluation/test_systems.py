import numpy as np
import pytest

from model_core.curves.event_curve import EventCurve, draw_peaks
from model_core.evaluation.systems import shuffle_events
from model_core.plan.events import Events as Peaks

DURATION = 20.0


def curve(events: list[float]) -> EventCurve:
    times = np.arange(0.04, DURATION, 0.08)
    shape = draw_peaks(Peaks(np.array(events), np.ones(len(events))), times)
    return EventCurve(times, (shape - shape.mean()) / shape.std(), "test", 0.2)


@pytest.mark.parametrize("events", [[7.0], [3.0, 11.0], [2.0, 4.5, 9.0, 13.0, 17.5]])
@pytest.mark.parametrize("seed", range(5))
def test_the_events_are_as_many_and_as_high_but_elsewhere(events: list[float], seed: int) -> None:
    given = curve(events)
    other = shuffle_events(given, DURATION, np.random.default_rng(seed))
    found = other.peaks()
    assert len(found) == len(events)
    assert np.abs(found.times[:, None] - np.array(events)[None]).min(axis=1).min() > 0.3
    np.testing.assert_allclose(np.sort(other.values), np.sort(given.values))
    assert np.all(np.diff(other.times) > 0)
    assert (other.encoder, other.window) == (given.encoder, given.window)


def test_the_generator_decides() -> None:
    given = curve([2.0, 4.5, 9.0, 13.0, 17.5])
    first, again, another = (shuffle_events(given, DURATION, np.random.default_rng(seed)).times for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert len(first) != len(another) or not np.allclose(first, another)


def test_a_curve_without_room_between_its_events_comes_back() -> None:
    crowded = curve(list(np.arange(0.4, DURATION, 0.45)))
    np.testing.assert_array_equal(shuffle_events(crowded, DURATION, np.random.default_rng(0)).times, crowded.times)
