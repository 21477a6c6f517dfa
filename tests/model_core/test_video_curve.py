"""The video's curve on real files, with the shipped encoder: its peaks stand on the frames at which the shots begin."""

from pathlib import Path

import numpy as np
import pytest

from model_core.encoders.efficientnet import EfficientNetLite0
from model_core.media import probe
from model_core.video_curve import video_curve
from tests import video_factory as factory

CUTS = [0.93, 1.77, 3.16, 4.6]


@pytest.fixture(scope="module")
def encoder() -> EfficientNetLite0:
    return EfficientNetLite0()


@pytest.mark.parametrize(("fps", "vfr"), [(25, False), (24000 / 1001, False), (60, False), (12, False), (30, True)])
def test_cuts_are_peaks_to_the_frame(tmp_path: Path, encoder: EfficientNetLite0, fps: float, vfr: bool) -> None:
    path = factory.make_clip(tmp_path / "a.mp4", CUTS, duration=5.6, fps=fps, vfr=vfr)
    curve = video_curve(path, encoder, probe(path).duration)
    ticks = np.array(factory.picture_ticks(5.6, fps, vfr)) / factory.TICKS_PER_SECOND
    first_frames = [ticks[ticks >= cut - 1e-6][0] for cut in CUTS]
    np.testing.assert_allclose(curve.peaks().times, first_frames, atol=0.012)


def test_progress_goes_up_to_one(tmp_path: Path, encoder: EfficientNetLite0) -> None:
    said: list[float] = []
    path = factory.make_clip(tmp_path / "a.mp4", duration=11.0)
    video_curve(path, encoder, 11.0, said.append)
    assert said == sorted(said)
    assert len(said) == 3
    assert said[-1] == pytest.approx(1.0, abs=0.02)
