"""Tests of the features of a video on a clip with known motion and cuts."""

from pathlib import Path

import numpy as np
import pytest

from model_core.encoders.efficientnet import EfficientNetLite0
from model_core.sync.video import MOTION_RATE, analyze_video, motion_peaks, optical_flow
from tests import video_factory as factory


def test_flow_is_the_way_the_picture_goes_each_frame(tmp_path: Path) -> None:
    still = optical_flow(factory.make_clip(tmp_path / "still.mp4", duration=2.0, static=True))
    moving = optical_flow(factory.make_clip(tmp_path / "moving.mp4", duration=2.0))
    assert len(still) == len(moving) == 2 * MOTION_RATE
    assert still[0] == moving[0] == 0
    assert still.max() < 0.01
    assert np.median(moving[1:]) > 0.05


def test_peaks_are_local_maxima_above_the_floor() -> None:
    flow = np.array([0, 0.5, 0.2, 0.09, 0.05, 0.08, 0.05, 0.4, 0.4, 0.1, 0.3, 0.2])
    np.testing.assert_allclose(motion_peaks(flow), np.array([1, 10]) / MOTION_RATE)


def test_a_look_has_curve_and_motion_and_tells_how_far_it_is(tmp_path: Path) -> None:
    said: list[float] = []
    path = factory.make_clip(tmp_path / "a.mp4", [1.2, 2.4], duration=4.0)
    looked = analyze_video(path, EfficientNetLite0(), said.append)
    np.testing.assert_allclose(looked.curve.peaks().times, [1.2, 2.4], atol=0.01)
    assert looked.info.duration == pytest.approx(4.0)
    assert said == sorted(said)
    assert said[-1] == 1.0
    assert looked.motion_window_s == pytest.approx(1 / 25)
