"""Tests of the figures of one piece of music on envelopes with known peaks."""

import numpy as np
import pytest

from model_core.sync.figures import MEASURES, VideoEvents, compute_figures
from model_core.sync.sound import Envelope, SoundFeatures

EVENTS = np.array([1.3, 4.1, 5.9, 9.2, 13.7, 17.1])
BEATS = np.arange(0.1, 20, 0.5)
MOTION = np.array([2.0, 4.0, 8.5])


def envelope(peaks: np.ndarray) -> Envelope:
    values = np.zeros(2000)
    values[np.round(peaks * 100).astype(int)] = 1.0
    values[1550] = 0.5  # one more peak than there are events, and weaker: not to be chosen
    return Envelope(values, 100.0)


def heard(onset: np.ndarray, novelty: np.ndarray) -> SoundFeatures:
    return SoundFeatures(20.0, envelope(onset), envelope(novelty), onset, BEATS, EVENTS[:3], 120.0)


def test_each_figure_is_of_its_own_part_of_the_music() -> None:
    found = compute_figures(heard(EVENTS, EVENTS + 0.4), VideoEvents(20.0, EVENTS, MOTION, 0.04, None))
    assert tuple(found) == MEASURES
    assert found["f1_onset"].value == 1.0
    assert found["f1_novelty"].value == 0.0
    assert found["auc_onset"].value > 0.9
    assert found["auc_novelty"].value < 0.6
    # Distances of the events to the beats: 0.2, 0, 0.2, 0.1, 0.1 and 0.
    expected = (2 + 2 * np.exp(-0.5 * 4) + 2 * np.exp(-0.5 * 16)) / 6
    assert found["bas"].value == pytest.approx(expected, abs=1e-6)
    assert found["bas_reverse"].value == pytest.approx(6 * expected / len(BEATS), abs=0.01)
    assert found["downbeats"].value == pytest.approx(0.5)
    assert found["av_align"].value == 0.0
    assert all(len(figure.null) == 200 for figure in found.values())
    assert found["f1_onset"].p == pytest.approx(1 / 201)


def test_onsets_on_the_motion_align() -> None:
    found = compute_figures(heard(MOTION, MOTION), VideoEvents(20.0, EVENTS, MOTION, 0.04, None))
    assert found["av_align"].value == 1.0


def test_without_events_or_motion_there_is_less_to_say() -> None:
    none = np.zeros(0)
    assert set(compute_figures(heard(EVENTS, EVENTS), VideoEvents(20.0, none, MOTION, 0.04))) == {"av_align"}
    assert "av_align" not in compute_figures(heard(EVENTS, EVENTS), VideoEvents(20.0, EVENTS, none, 0.04))
    assert compute_figures(heard(EVENTS, EVENTS), VideoEvents(20.0, none, none, 0.04)) == {}


def test_more_shifts_can_be_asked_for() -> None:
    found = compute_figures(heard(EVENTS, EVENTS), VideoEvents(20.0, EVENTS, MOTION, 0.04), shifts=400)
    assert len(found["f1_onset"].null) == 400
