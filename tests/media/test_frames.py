from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.media import MediaError, MediaLimits, frames
from tests import video_factory as factory


def _read(path: Path, rate: float, size: int = 32) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    batches = list(frames(path, rate, size))
    return np.concatenate([batch.rgb for batch in batches]), np.concatenate([batch.times for batch in batches])


def _cuts(rgb: NDArray[np.uint8], times: NDArray[np.float64], count: int) -> list[float]:
    """Times of the first pictures after the ``count`` largest changes."""
    change = np.abs(np.diff(rgb.astype(np.float64), axis=0)).mean(axis=(1, 2, 3))
    return sorted(float(times[index + 1]) for index in np.argsort(change)[-count:])


@pytest.mark.parametrize("rate", [5.0, 12.0, 25.0, 60.0])
@pytest.mark.parametrize("vfr", [False, True])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_cut_is_seen_at_the_first_instant_after_it(tmp_path: Path, name: str, vfr: bool, rate: float) -> None:
    wanted = [0.52, 1.3, 1.64]
    path = factory.make_clip(tmp_path / name, wanted, duration=2.4, fps=25, vfr=vfr)
    ticks = np.array(factory.picture_ticks(2.4, 25, vfr)) / factory.TICKS_PER_SECOND
    rgb, times = _read(path, rate)
    np.testing.assert_allclose(times, np.arange(len(times)) / rate)
    for cut, seen in zip(wanted, _cuts(rgb, times, 3), strict=True):
        first_new = ticks[ticks >= cut - 1e-6][0]
        assert -0.001 <= seen - first_new < 1 / rate + 0.001


@pytest.mark.parametrize("vfr", [False, True])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_cut_between_two_instants_is_timed_to_the_frame(tmp_path: Path, name: str, vfr: bool) -> None:
    wanted = [0.52, 1.3, 1.64]
    path = factory.make_clip(tmp_path / name, wanted, duration=2.4, fps=25, vfr=vfr)
    ticks = np.array(factory.picture_ticks(2.4, 25, vfr)) / factory.TICKS_PER_SECOND
    for rate in (5.0, 12.5):
        batch = next(frames(path, rate, 32))
        assert batch.changed[0] == 0
        assert np.all(np.diff(batch.changed) > 0)
        assert np.all((batch.changed[1:] >= batch.times[:-1]) & (batch.changed[1:] <= batch.times[1:]))
        for cut in wanted:
            first_new = ticks[ticks >= cut - 1e-6][0]
            interval = np.flatnonzero(batch.times >= first_new - 2e-3)[0]
            assert batch.changed[interval] == pytest.approx(first_new, abs=0.004)


def test_where_nothing_changes_the_middle_of_the_interval_stands(tmp_path: Path) -> None:
    slower_than_the_grid = factory.make_clip(tmp_path / "a.mp4", duration=2.0, fps=5)
    batch = next(frames(slower_than_the_grid, 25.0, 32))
    middles = (batch.times[1:] + batch.times[:-1]) / 2
    still = np.arange(1, len(batch.times)) % 5 != 0
    np.testing.assert_allclose(batch.changed[1:][still], middles[still])


def test_the_grid_covers_the_video_and_no_more(tmp_path: Path) -> None:
    path = factory.make_clip(tmp_path / "a.mp4", duration=3.0, fps=25)
    for rate in (1.0, 12.0, 30.0):
        assert len(_read(path, rate)[1]) == round(3.0 * rate)


def test_times_count_from_the_first_picture_wherever_the_file_starts(tmp_path: Path) -> None:
    path = factory.make_clip(tmp_path / "a.ts", [0.6], duration=1.2)  # MPEG-TS starts at 1.4 s
    rgb, times = _read(path, 25.0)
    assert times[0] == 0
    assert _cuts(rgb, times, 1) == [pytest.approx(0.6)]


def test_an_edit_list_moves_the_zero(tmp_path: Path) -> None:
    path = factory.trim_by_edit_list(factory.make_clip(tmp_path / "a.mp4", [1.0], duration=2.0), start=0.6)
    rgb, times = _read(path, 25.0)
    assert len(times) == 35
    assert _cuts(rgb, times, 1) == [pytest.approx(0.4)]


def test_batches_hold_64_pictures_until_the_last(tmp_path: Path) -> None:
    path = factory.make_clip(tmp_path / "a.mp4", duration=6.0)
    assert [len(batch.rgb) for batch in frames(path, 25.0, 16)] == [64, 64, 22]


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation_turns_the_pictures_clockwise(tmp_path: Path, rotation: int) -> None:
    upright, _ = _read(factory.make_clip(tmp_path / "a.mp4", duration=0.2), 5.0)
    turned, _ = _read(factory.make_clip(tmp_path / "b.mp4", duration=0.2, rotation=rotation), 5.0)
    np.testing.assert_array_equal(turned[0], np.rot90(upright[0], -rotation // 90))


def test_a_static_clip_stays_the_same(tmp_path: Path) -> None:
    rgb, _ = _read(factory.make_clip(tmp_path / "a.mp4", static=True), 12.0)
    assert np.abs(rgb.astype(int) - 128).max() <= 2


def test_a_picture_that_grows_over_the_limit_is_passed_over(tmp_path: Path) -> None:
    small = factory.make_clip(tmp_path / "s.avi", duration=1.0, codec="mpeg4", b_frames=0)
    large = factory.make_clip(tmp_path / "l.avi", seed=5, duration=0.4, size=(1600, 1200), codec="mpeg4", b_frames=0)
    path = factory.make_grown_picture(tmp_path / "a.avi", small, large)

    def last_second(most: int) -> NDArray[np.float64]:
        batches = list(frames(path, 25.0, 32, MediaLimits(max_pixels=most)))
        rgb = np.concatenate([batch.rgb for batch in batches]).astype(np.float64)
        return np.asarray(np.abs(rgb[26:] - rgb[24]).mean(axis=(1, 2, 3)))

    assert last_second(10**7).max() > 20
    assert last_second(10**6).max() < 1


def test_wrong_arguments_are_refused_before_the_first_picture(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rate"):
        frames(tmp_path / "a.mp4", 0.0, 32)
    with pytest.raises(ValueError, match="size"):
        frames(tmp_path / "a.mp4", 12.0, 0)


def test_a_broken_file_is_refused_like_in_probe(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        next(frames(factory.make_empty(tmp_path / "a.mp4"), 12.0, 32))
    assert caught.value.code == "empty_file"
