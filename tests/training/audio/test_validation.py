"""Held-out losses with the curve, without and at another time; their gain; and listening to what is played."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model_core.curves import EventCurve
from model_core.model_folder.audio import AudioModel
from model_core.training.audio.crops import Crop, Pool, Reader
from model_core.training.audio.listening import FOLLOWED, OTHERS, Listening
from model_core.training.audio.report import Report, reported
from model_core.training.audio.validation import HeldOut, Validation, gain_of, spread_crops
from tests.stable_audio.tiny_base import HOP
from tests.stable_audio.tiny_model import loaded
from tests.training.audio.made_tracks import RATE, made_track, states


@pytest.fixture(scope="module")
def whole(model: Path) -> AudioModel:
    return loaded(model)


@pytest.fixture(scope="module")
def reader(whole: AudioModel) -> Reader:
    return Reader(whole, states(0), torch.device("cpu"))


@pytest.fixture(scope="module")
def pool(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> Pool:
    cache = tmp_path_factory.mktemp("tracks")
    return reader.pool([made_track(cache, number, frames) for number, frames in enumerate((12, 45, 61))])


def test_crops_are_spread_over_tracks_before_they_go_on_within_them(pool: Pool) -> None:
    short, middle, long = pool.tracks
    crops = spread_crops(pool, 20, 100)
    assert crops == [
        Crop(short, 0, 12), Crop(middle, 0, 20), Crop(long, 0, 20), Crop(middle, 20, 20), Crop(long, 20, 20),
        Crop(long, 40, 20),
    ]  # fmt: skip
    assert spread_crops(pool, 20, 4) == crops[:4]


def test_an_untrained_model_makes_nothing_of_the_curve(pool: Pool, reader: Reader, whole: AudioModel) -> None:
    losses = Validation(spread_crops(pool, 20, 9), reader, 4).losses(whole.transformer)
    assert losses.with_curve.shape == (6,)
    np.testing.assert_allclose(losses.with_curve, losses.without, rtol=1e-5)
    np.testing.assert_allclose(losses.with_curve, losses.shifted, rtol=1e-5)
    assert losses.with_curve.min() > 0.5


def test_losses_are_the_same_at_every_call_and_in_every_batch(pool: Pool, reader: Reader, whole: AudioModel) -> None:
    crops = spread_crops(pool, 20, 9)
    ours = Validation(crops, reader, 4)
    first, again, alone = (one.losses(whole.transformer) for one in (ours, ours, Validation(crops, reader, 1)))
    assert first.with_curve.tolist() == again.with_curve.tolist()
    np.testing.assert_allclose(np.sort(first.without), np.sort(alone.without), rtol=1e-4)


def test_a_model_that_hears_the_curve_is_told_from_one_that_hears_the_flag(
    pool: Pool, reader: Reader, whole: AudioModel
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

    validation = Validation(spread_crops(pool, 20, 9), reader, 4)
    of_curve, of_flag = (validation.losses(Stub(channel)) for channel in (-2, -1))
    assert abs(of_curve.with_curve - of_curve.without).min() > 1
    assert abs(of_curve.with_curve - of_curve.shifted).max() > 1
    assert abs(of_flag.with_curve - of_flag.without).min() > 1
    np.testing.assert_allclose(of_flag.with_curve, of_flag.shifted)


def test_each_item_meets_all_parts_of_the_times(pool: Pool, reader: Reader) -> None:
    times = Validation(spread_crops(pool, 20, 9), reader, 4)._times
    assert times.shape == (4, 6)
    assert (times[:-1] < times[1:]).all(), "an item's times rise from draw to draw"
    logits = torch.logit(times).flatten().sort().values
    assert float(logits.mean()) == pytest.approx(0, abs=1e-4)
    assert float(logits.std()) == pytest.approx(1, abs=0.06)
    assert len(set(times.flatten().tolist())) == 24


def test_the_gain_has_an_interval_that_narrows_with_the_items() -> None:
    rng = np.random.default_rng(0)
    few, many = (gain_of(rng.normal(1.0, 1.0, count)) for count in (10, 1000))
    assert (few.items, many.items) == (10, 1000)
    assert few.low < few.mean < few.high
    assert many.high - many.low == pytest.approx(4 / 1000**0.5, rel=0.1)
    assert many.low < 1 < many.high
    assert gain_of(np.full(5, 0.25)) == gain_of(np.full(5, 0.25))
    assert (gain_of(np.full(5, 0.25)).low, gain_of(np.full(5, 0.25)).high) == (0.25, 0.25)
    noise = gain_of(rng.normal(0.0, 1.0, 200))
    assert noise.low < 0 < noise.high


def test_a_report_is_kept_and_read(tmp_path: Path) -> None:
    losses = HeldOut(np.array([1.0, 2.0]), np.array([1.5, 2.5]), np.array([2.0, 3.0]))
    report = Report.of("1+5.ab", 5, losses, {FOLLOWED: 0.5})
    assert report.lines() == [
        "held-out loss is less with the curve than without by 0.5 (95 % interval 0.5 to 0.5, 2 items)",
        "and less than with the curve at another time by 1 (95 % interval 1 to 1, 2 items)",
        f"{FOLLOWED} 0.500",
    ]
    path = tmp_path / "stage/result.json"
    assert reported(path) is None
    report.write(path)
    assert reported(path) == ("1+5.ab", 5)
    path.write_text("{")
    assert reported(path) is None


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


def test_curves_that_are_followed_are_told_from_others(pool: Pool, reader: Reader, whole: AudioModel) -> None:
    crops = [Crop(track, 3, 20) for track in pool.tracks[1:]]
    obeying, mixed_up = _Hears([_own(crop) for crop in crops]), _Hears([_own(crop) for crop in crops[::-1]])
    figures = Listening(whole, obeying, crops, reader).figures()
    assert figures[FOLLOWED] == pytest.approx(1)
    assert abs(figures[OTHERS]) < 0.7
    assert obeying.heard == [(2, 20 * HOP, RATE)] * 2
    swapped = Listening(whole, mixed_up, crops, reader).figures()
    assert swapped[OTHERS] == pytest.approx(1)
    assert swapped[FOLLOWED] == pytest.approx(figures[OTHERS])
    flat = _Hears([EventCurve(np.array([0.0]), np.array([0.0]), "hears")])
    assert Listening(whole, flat, crops[:1], reader).figures() == {FOLLOWED: 0.0}
