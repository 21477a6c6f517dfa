"""The video's curve on real files, with the shipped encoder: its peaks stand on the frames at which the shots begin."""

from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.curves.video import CELLS, PICTURE_WEIGHT, join_picture, video_curve
from model_core.encoders.efficientnet import EfficientNetLite0
from model_core.encoders.motion import MotionDis
from model_core.media import probe
from tests import video_factory as factory

pytestmark = pytest.mark.model
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


@pytest.mark.parametrize("size", [8, 16, 33, 224])
def test_features_and_pictures_are_joined_so_that_squared_distances_add(size: int) -> None:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(3, 20)).astype(np.float32)
    pictures = np.stack([np.full((size, size, 3), grey, np.uint8) for grey in (0, 51, 255)])
    joined = join_picture(features, pictures)
    assert joined.shape == (3, 20 + 3 * CELLS**2)
    for one, other, step in ((0, 1, 0.2), (1, 2, 0.8), (0, 2, 1.0)):
        cosine = features[one] @ features[other] / np.linalg.norm(features[one]) / np.linalg.norm(features[other])
        squared = float(((joined[one] - joined[other]) ** 2).sum())
        assert squared == pytest.approx(1 - cosine + (PICTURE_WEIGHT * step) ** 2, rel=1e-4)


def test_a_small_picture_keeps_what_is_where() -> None:
    pictures = np.zeros((1, 16, 16, 3), np.uint8)
    pictures[0, :2, 14:, 2] = 255  # blue in the upper right cell
    small = join_picture(np.ones((1, 5), np.float32), pictures)[0, 5:].reshape(CELLS, CELLS, 3)
    assert small[0, CELLS - 1, 2] == small.max() > 0
    assert np.count_nonzero(small) == 1


def _faded(path: Path, middle: float, length: float, encoder: EfficientNetLite0) -> np.ndarray:
    """Peaks of a clip of 4 s at 25 a second that goes from a textured picture to another, evenly."""
    rng = np.random.default_rng(2)
    old, new = (rng.integers(0, top, (9, 12, 3)).repeat(16, 0).repeat(16, 1) for top in (256, 120))
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 192, 144, "yuv420p"
        for number in range(100):
            share = np.clip((number / 25 - middle) / length + 0.5, 0, 1)
            picture = np.asarray((1 - share) * old + share * new, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(video.encode())
    return video_curve(path, encoder, probe(path).duration).peaks().times


@pytest.mark.parametrize("length", [0.3, 0.6, 0.8])
def test_a_dissolve_is_one_peak_near_its_middle(tmp_path: Path, encoder: EfficientNetLite0, length: float) -> None:
    np.testing.assert_allclose(_faded(tmp_path / "a.mp4", 1.9, length, encoder), [1.9], atol=0.1)


@pytest.mark.parametrize("duration", [0.04, 0.2, 0.5])
def test_a_clip_shorter_than_any_window_has_a_curve(
    tmp_path: Path, encoder: EfficientNetLite0, duration: float
) -> None:
    path = factory.make_clip(tmp_path / "a.mp4", duration=duration)
    curve = video_curve(path, encoder, duration)
    assert len(curve.times) == len(curve.values) >= 1
    assert np.isfinite(curve.values).all()


class Watcher:
    """Features of one number a picture, its mean; keeps what it was shown."""

    name = "watcher"
    size = 16

    def __init__(self, feature_kind: Literal["picture", "motion"]) -> None:
        self.feature_kind: Literal["picture", "motion"] = feature_kind
        self.shown: list[tuple[NDArray[np.uint8], NDArray[np.uint8] | None]] = []

    def embed(self, rgb: NDArray[np.uint8], previous: NDArray[np.uint8] | None = None) -> NDArray[np.float32]:
        self.shown.append((rgb, previous))
        return np.asarray(rgb.mean(axis=(1, 2, 3))[:, None] / 255, np.float32)


@pytest.mark.parametrize("feature_kind", ["picture", "motion"])
def test_each_batch_comes_with_the_picture_before_it(
    tmp_path: Path, feature_kind: Literal["picture", "motion"]
) -> None:
    watcher = Watcher(feature_kind)
    video_curve(factory.make_clip(tmp_path / "a.mp4", duration=11.0), watcher, 11.0)
    assert len(watcher.shown) == 3
    assert watcher.shown[0][1] is None
    for (before, _), (_, previous) in pairwise(watcher.shown):
        assert previous is not None
        np.testing.assert_array_equal(previous, before[-1])


def _swung(path: Path, turns: list[float], rate: float, duration: float = 7.0) -> Path:
    """A disc that crosses a quiet backdrop at a steady speed and turns about at the given seconds."""
    y, x = np.mgrid[:144, :192]
    backdrop = (60 + 30 * np.sin(x / 9) * np.sin(y / 7)).astype(np.uint8)
    knots = [0.0, *turns, duration]
    places = np.cumsum([60.0, *(70 * (-1) ** n * (b - a) for n, (a, b) in enumerate(pairwise(knots)))])
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=round(rate), options={"qp": "20"})
        video.width, video.height, video.pix_fmt = 192, 144, "yuv420p"
        for number in range(round(duration * rate)):
            centre = np.interp(number / rate, knots, places)
            picture = np.where((x - centre) ** 2 + (y - 72) ** 2 < 26**2, 200 + backdrop // 4, backdrop)
            grey = np.repeat(picture.astype(np.uint8)[..., None], 3, axis=2)
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(grey), "rgb24")))
        container.mux(video.encode())
    return path


@pytest.mark.parametrize("rate", [25.0, 30.0, 24.0])
def test_what_turns_about_is_a_peak_of_movement(tmp_path: Path, rate: float) -> None:
    turns = [1.2, 2.0, 3.0, 4.1, 5.2, 6.0]
    path = _swung(tmp_path / "a.mp4", turns, rate)
    curve = video_curve(path, MotionDis(), 7.0)
    assert curve.encoder == "motion-dis"
    np.testing.assert_allclose(curve.peaks().times, turns, atol=0.085)


def test_a_still_picture_has_no_peaks_of_movement(tmp_path: Path) -> None:
    curve = video_curve(factory.make_clip(tmp_path / "a.mp4", duration=6.0), MotionDis(), 6.0)
    assert len(curve.peaks()) == 0
