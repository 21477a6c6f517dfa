"""Held-out losses with the curve, without and at another time; their gain; and listening to what is played."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve
from model_core.models.stable_audio.folder import StableAudioParts
from model_core.training.audio.examples import Crop, Pool, Reader, compute_times
from model_core.training.audio.report import EARLY, HeldOut, Report, compute_gain, read_report
from model_core.training.audio.validation import FOLLOWED, OTHERS, FollowingCheck, Validation, spread_crops
from tests.stable_audio.tiny_base import HOP
from tests.stable_audio.tiny_model import loaded
from tests.training.audio.made_tracks import RATE, made_track, states


@pytest.fixture(scope="module")
def whole(model: Path) -> StableAudioParts:
    return loaded(model)


@pytest.fixture(scope="module")
def reader(whole: StableAudioParts) -> Reader:
    return Reader(whole, states(0), torch.device("cpu"))


@pytest.fixture(scope="module")
def pool(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> Pool:
    cache = tmp_path_factory.mktemp("tracks")
    return reader.pool([made_track(cache, number, frames) for number, frames in enumerate((12, 45, 61))])


def test_crops_are_spread_over_tracks_before_they_go_on_within_them(pool: Pool) -> None:
    short, middle, long = pool.tracks
    crops = spread_crops(pool, 20, 100, 0)
    assert Crop(short, 0, 12) in crops[:3]
    assert {crop.track.name for crop in crops[:3]} == {track.name for track in pool.tracks}
    assert {crop.track.name for crop in crops[3:5]} == {middle.name, long.name}
    assert crops[5].track is long
    for track, length in ((middle, 45), (long, 61)):
        firsts = sorted(crop.first for crop in crops if crop.track is track)
        assert len(firsts) == length // 20
        assert all(np.diff(firsts) == 20)
        assert 0 <= firsts[0] <= firsts[-1] <= length - 20
    assert spread_crops(pool, 20, 4, 0) == crops[:4] == spread_crops(pool, 20, 100, 0)[:4]


def test_the_first_crops_are_of_any_tracks_and_any_places_in_them(reader: Reader, tmp_path: Path) -> None:
    many = reader.pool([made_track(tmp_path, number, 100, captions=1) for number in range(40)])
    crops = spread_crops(many, 20, 32, 1)
    assert len({crop.track.name for crop in crops}) == 32
    assert [crop.track.name for crop in crops] != [track.name for track in many.tracks[:32]]
    firsts = [crop.first for crop in crops]
    assert sum(first == 0 for first in firsts) < 16, "not all are openings"
    assert set(firsts) == {0, 20, 40, 60, 80}
    fewer = reader.pool([track for track in many.tracks if track is not crops[3].track])
    assert spread_crops(fewer, 20, 31, 1) == [crop for crop in crops if crop is not crops[3]]
    assert spread_crops(many, 20, 32, 2) != crops


def test_an_untrained_model_makes_nothing_of_the_curve(pool: Pool, reader: Reader, whole: StableAudioParts) -> None:
    losses = Validation(spread_crops(pool, 20, 9, 0), reader, 4).losses(whole.transformer)
    assert losses.with_curve.shape == (6,)
    np.testing.assert_allclose(losses.with_curve, losses.without, rtol=1e-5)
    np.testing.assert_allclose(losses.with_curve, losses.shifted, rtol=1e-5)
    assert losses.with_curve.min() > 0.5


def test_losses_are_the_same_at_every_call_and_in_every_batch(
    pool: Pool, reader: Reader, whole: StableAudioParts
) -> None:
    crops = spread_crops(pool, 20, 9, 0)
    ours = Validation(crops, reader, 4)
    first, again, alone = (one.losses(whole.transformer) for one in (ours, ours, Validation(crops, reader, 1)))
    assert first.with_curve.tolist() == again.with_curve.tolist()
    np.testing.assert_allclose(np.sort(first.without), np.sort(alone.without), rtol=1e-4)


def test_a_model_that_hears_the_curve_is_told_from_one_that_hears_the_flag(
    pool: Pool, reader: Reader, whole: StableAudioParts
) -> None:
    class Stub(torch.nn.Module):
        """Its velocity is off by as much as one channel of the local input says."""

        def __init__(self, channel: int) -> None:
            super().__init__()
            self.channel = channel

        def forward(
            self, noisy: torch.Tensor, *_: object, local_add_cond: torch.Tensor, **__: object
        ) -> tuple[torch.Tensor]:
            return (10 * local_add_cond[:, self.channel, None].expand(noisy.shape),)

    validation = Validation(spread_crops(pool, 20, 9, 0), reader, 4)
    of_curve, of_flag = (validation.losses(Stub(channel)) for channel in (-2, -1))
    assert abs(of_curve.with_curve - of_curve.without).min() > 1
    assert abs(of_curve.with_curve - of_curve.shifted).max() > 1
    assert abs(of_flag.with_curve - of_flag.without).min() > 1
    np.testing.assert_allclose(of_flag.with_curve, of_flag.shifted)
    assert abs(of_curve.early).min() > 0.1
    np.testing.assert_allclose(of_flag.early, 0)
    assert len(set(of_curve.tracks)) == 3


def test_each_item_meets_all_parts_of_the_times(pool: Pool, reader: Reader) -> None:
    times = Validation(spread_crops(pool, 20, 9, 0), reader, 4)._times
    assert times.shape == (4, 6)
    assert (times[:-1] > times[1:]).all(), "an item's times fall from draw to draw"
    levels = (torch.arange(24, dtype=torch.float64) + 0.5) / 24
    torch.testing.assert_close(times.flatten().sort(descending=True).values, compute_times(levels, 20))


def test_the_interval_of_the_gain_covers_what_it_should() -> None:
    rng = np.random.default_rng(0)
    tracks = np.repeat(np.arange(4), 3)
    covered = 0
    for _ in range(2000):
        gain = compute_gain(rng.normal(1.0, 1.0, 4)[tracks] + rng.normal(0.0, 0.1, 12), tracks)
        assert gain.low is not None
        assert gain.high is not None
        covered += gain.low < 1 < gain.high
    assert covered / 2000 == pytest.approx(0.95, abs=0.015)
    assert (gain.crops, gain.tracks) == (12, 4)
    many = compute_gain(rng.normal(1.0, 1.0, 1000), np.arange(1000))
    assert many.high is not None
    assert many.low is not None
    assert many.high - many.low == pytest.approx(2 * 1.96 / 1000**0.5, rel=0.1)


def test_a_track_counts_once_however_many_crops_it_has() -> None:
    gain = compute_gain(np.array([1.0, 3.0, 5.0, 8.0, 2.0]), np.array([7, 4, 7, 9, 7]))
    assert gain.mean == pytest.approx((8 / 3 + 3 + 8) / 3)
    wide = 4.302652729911275 * np.std([8 / 3, 3, 8], ddof=1) / 3**0.5
    assert (gain.low, gain.high) == pytest.approx((gain.mean - wide, gain.mean + wide))
    few = compute_gain(np.array([1.0, 2.0, 4.0]), np.array([0, 0, 1]))
    assert (few.mean, few.low, few.high) == (2.75, None, None)
    assert str(few) == "2.75 (3 crops of 2 tracks, too few for an interval)"


@pytest.mark.parametrize(
    ("differences", "sure"),
    [([0.1, 0.2], True), ([-0.1, 0.05], False), ([0.1, 0.11, 0.12], True), ([0.1, 0.0, 0.2], False)],
)
def test_a_gain_is_sure_by_its_interval_or_by_the_mean_of_few(differences: list[float], sure: bool) -> None:
    assert compute_gain(np.array(differences), np.arange(len(differences))).is_positive == sure


def test_a_report_is_kept_and_read(tmp_path: Path) -> None:
    one = np.array([1.0, 2.0, 3.0])
    losses = HeldOut(one, one + 0.5, one + 1, one / 10, np.arange(3))
    report = Report.of("1+5.ab", 5, losses, {FOLLOWED: 0.5})
    assert report.lines() == [
        "held-out loss is less with the curve than without by 0.5 (95 % interval 0.5 to 0.5, 3 crops of 3 tracks)",
        "and less than with the curve at another time by 1 (95 % interval 1 to 1, 3 crops of 3 tracks)",
        f"{FOLLOWED} 0.500",
    ]
    assert report.follows
    assert report.losses[EARLY] == pytest.approx(0.2)
    path = tmp_path / "stage/result.json"
    assert read_report(path) is None
    report.write(path)
    assert read_report(path) == ("1+5.ab", 5)
    path.write_text("{")
    assert read_report(path) is None


class _Hears:
    """An encoder that hears, one take after the other, given curves."""

    name = "hears"

    def __init__(self, curves: list[EventCurve]) -> None:
        self._curves, self.heard = curves, list[tuple[int, ...]]()

    def curve(self, audio: NDArray[np.float32], sample_rate: int) -> EventCurve:
        self.heard.append((*audio.shape, sample_rate))
        return self._curves[(len(self.heard) - 1) % len(self._curves)]


def _own(crop: Crop) -> EventCurve:
    curve = crop.track.curve
    return EventCurve(curve.times - crop.first * HOP / RATE, curve.values, "hears")


def test_curves_that_are_followed_are_told_from_others(pool: Pool, reader: Reader, whole: StableAudioParts) -> None:
    crops = [Crop(track, 3, 20) for track in pool.tracks[1:]]
    obeying, mixed_up = _Hears([_own(crop) for crop in crops]), _Hears([_own(crop) for crop in crops[::-1]])
    figures = FollowingCheck(whole, obeying, crops, reader).figures()
    assert figures[FOLLOWED] == pytest.approx(1)
    assert abs(figures[OTHERS]) < 0.7
    assert obeying.heard == [(2, 20 * HOP, RATE)] * 2
    swapped = FollowingCheck(whole, mixed_up, crops, reader).figures()
    assert swapped[OTHERS] == pytest.approx(1)
    assert swapped[FOLLOWED] == pytest.approx(figures[OTHERS])
    flat = _Hears([EventCurve(np.array([0.0]), np.array([0.0]), "hears")])
    assert FollowingCheck(whole, flat, crops[:1], reader).figures() == {FOLLOWED: 0.0}
