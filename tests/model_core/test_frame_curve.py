"""Curves on latent frames: smooth, standardised, and blind to who made them."""

import numpy as np

from model_core.curves.event_curve import EventCurve, frame_curve

TIMES = (np.arange(300) + 0.5) * 4096 / 44100


def _curve(rate: float, events: list[float], sigma: float = 0.1) -> EventCurve:
    times = np.arange(0, 28, 1 / rate)
    values = np.exp(-0.5 * ((times[:, None] - np.array(events)) / sigma) ** 2).sum(axis=1)
    return EventCurve(times, (values - values.mean()) / values.std(), "planted")


def test_it_is_standardised_and_peaks_where_the_events_are() -> None:
    shaped = frame_curve(_curve(25, [8.0, 20.0]), TIMES, 1.0)
    assert shaped.shape == TIMES.shape
    assert abs(shaped.mean()) < 1e-9
    assert abs(shaped.std() - 1) < 1e-9
    for event in (8.0, 20.0):
        near = np.abs(TIMES - event) < 2
        assert abs(TIMES[near][shaped[near].argmax()] - event) < 0.1


def test_the_window_is_meant_in_seconds() -> None:
    shaped = frame_curve(_curve(25, [14.0], sigma=0.01), TIMES, 2.44)
    wide = TIMES[shaped > shaped.min() + 1e-6]
    assert 2.2 < wide[-1] - wide[0] < 2.8
    finer = (np.arange(1200) + 0.5) * 1024 / 44100
    again = np.interp(TIMES, finer, frame_curve(_curve(25, [14.0]), finer, 2.44))
    assert np.corrcoef(again, frame_curve(_curve(25, [14.0]), TIMES, 2.44))[0, 1] > 0.995


def test_curves_of_other_rates_become_alike() -> None:
    events = [3.0, 9.5, 16.0, 24.0]
    picture, music = (frame_curve(_curve(rate, events), TIMES, 1.0) for rate in (12.5, 31.25))
    assert np.corrcoef(picture, music)[0, 1] > 0.99


def test_nothing_stays_nothing() -> None:
    flat = EventCurve(np.arange(0, 28, 0.08), np.full(350, 0.3), "still")
    assert not frame_curve(flat, TIMES, 2.44).any()
    noise = EventCurve(flat.times, np.random.default_rng(0).normal(0, 0.02, 350), "still")
    assert np.abs(frame_curve(noise, TIMES, 2.44)).max() < 0.5
    assert frame_curve(flat, TIMES[:1], 2.44).tolist() == [0.0]
