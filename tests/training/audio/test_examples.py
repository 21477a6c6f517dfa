"""Crops and their conditions: what is given, what is withheld and how often, and that a step draws the same again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model_core.curves.event_curve import EventCurve, frame_curve
from model_core.models.stable_audio.conditions import TextStates
from model_core.training.audio.examples import (
    SHARES,
    Batch,
    Crop,
    Pool,
    Reader,
    Withheld,
    compute_times,
    create_rng,
    draw,
    draw_crops,
    draw_given,
)
from tests.stable_audio.tiny_base import HOP, LATENTS
from tests.stable_audio.tiny_model import loaded
from tests.training.audio.made_tracks import RATE, WORDS, made_track, states

FRAMES = 20
NEVER = Withheld(0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def reader(model: Path) -> Reader:
    unprompted = states(0)
    return Reader(loaded(model), TextStates(unprompted.states, unprompted.mask), torch.device("cpu"))


@pytest.fixture(scope="module")
def pool(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> Pool:
    cache = tmp_path_factory.mktemp("tracks")
    return reader.pool([made_track(cache, number, frames) for number, frames in enumerate((12, 30, 60))])


def _drawn(pool: Pool, reader: Reader, size: int, withheld: Withheld, step: int = 0) -> Batch:
    return draw(pool, reader, size, FRAMES, create_rng(0, 0, step), withheld)


def test_a_crops_curve_is_what_a_video_of_its_own_length_would_have(pool: Pool, reader: Reader) -> None:
    track = pool.tracks[2]
    start = 25 * HOP / RATE
    shifted = EventCurve(track.curve.times - start, track.curve.values, "musicnn")
    expected = frame_curve(shifted, (np.arange(FRAMES) + 0.5) * HOP / RATE, 0.5)
    np.testing.assert_allclose(reader.curve(Crop(track, 25, FRAMES)), expected, atol=1e-9)
    assert abs(expected.mean()) < 1e-9
    assert expected.std() == pytest.approx(1)


def test_lengths_are_counted_as_the_codec_counts_them(pool: Pool) -> None:
    assert list(pool.frames) == [12, 30, 60]
    assert [track.latents.shape for track in pool.tracks] == [(LATENTS, 12), (LATENTS, 30), (LATENTS, 60)]


def test_every_second_is_heard_equally_often_and_short_tracks_are_taken_whole(pool: Pool) -> None:
    rng = np.random.default_rng(0)
    firsts = []
    for _ in range(2000):
        crops = draw_crops(pool, 3, FRAMES, rng)
        assert len({crop.frames for crop in crops}) == 1
        assert all(0 <= crop.first <= len_ - crop.frames for crop, len_ in _with_lengths(crops, pool))
        firsts.append(crops[0])
    shares = [sum(crop.track is track for crop in firsts) / len(firsts) for track in pool.tracks]
    np.testing.assert_allclose(shares, pool.frames / pool.frames.sum(), atol=0.04)
    assert {crop.frames for crop in firsts if crop.track is pool.tracks[0]} == {12}
    assert {crop.first for crop in firsts if crop.track is pool.tracks[1]} == set(range(11))


def _with_lengths(crops: list[Crop], pool: Pool) -> list[tuple[Crop, int]]:
    return [
        (crop, next(int(n) for t, n in zip(pool.tracks, pool.frames, strict=True) if t is crop.track)) for crop in crops
    ]


def test_nothing_the_beginning_or_spans_are_given_as_often_as_they_should() -> None:
    given = draw_given(6000, FRAMES, np.random.default_rng(0))
    assert not given.all(axis=1).any(), "there is always something to generate"
    nothing = ~given.any(axis=1)
    beginning = given[:, 0] & ~(np.diff(given.astype(int), axis=1) > 0).any(axis=1)
    # Spans may be empty, or happen to be one beginning.
    assert nothing.mean() == pytest.approx(SHARES[0], abs=0.03)
    assert beginning.mean() == pytest.approx(SHARES[1], abs=0.03)
    assert SHARES[2] - 0.04 < 1 - nothing.mean() - beginning.mean() < SHARES[2] + 0.01
    assert not draw_given(50, 1, np.random.default_rng(0)).any()


def test_conditions_are_withheld_as_often_as_they_should(pool: Pool, reader: Reader) -> None:
    withheld = replace(Withheld(), local=0.0)
    batches = [draw(pool, reader, 64, 12, create_rng(0, 0, step), withheld) for step in range(20)]
    curves = torch.cat([batch.condition.curve for batch in batches if batch.condition.curve is not None])
    flags = curves[:, 1]
    assert torch.equal(flags.amin(dim=1), flags.amax(dim=1))
    dropped = flags[:, 0] == 0
    assert float(dropped.float().mean()) == pytest.approx(0.2, abs=0.03)
    assert not curves[dropped].any()
    assert curves[~dropped].any(dim=2).all()
    words = torch.cat([batch.condition.text[:, :WORDS] for batch in batches])
    silent = (words == states(0).states).all(dim=2).all(dim=1)
    assert float(silent.float().mean()) == pytest.approx(0.1, abs=0.03)
    captions = {number: states(number).states for number in (1, 2, 11, 12, 21, 22)}
    told = [number for row in words[~silent] for number, known in captions.items() if torch.equal(row, known[0])]
    assert len(told) == int((~silent).sum())
    assert set(told) == set(captions), "every caption of every track has its turn"


def test_a_batch_in_ten_is_plain_text_to_audio(pool: Pool, reader: Reader) -> None:
    batches = [_drawn(pool, reader, 1, Withheld(), step) for step in range(600)]
    plain = [batch for batch in batches if batch.condition.local is None]
    assert len(plain) / len(batches) == pytest.approx(0.1, abs=0.04)
    assert all(batch.condition.local_add_cond is None and batch.unknown.all() for batch in plain)
    others = [batch for batch in batches if batch.condition.local is not None]
    assert any(not batch.unknown.all() for batch in others)


def test_the_local_input_holds_just_the_given_frames(pool: Pool, reader: Reader) -> None:
    for step in range(30):
        batch = _drawn(pool, reader, 4, NEVER, step)
        local = batch.condition.local
        assert local is not None
        given = ~batch.unknown
        assert torch.equal(local[:, 0].bool(), given)
        assert torch.equal(local[:, 1:], batch.clean * given[:, None])
        assert batch.condition.local_add_cond is not None
        assert batch.condition.local_add_cond.shape[1] == 1 + LATENTS + 2


def test_times_are_those_of_the_length_and_the_duration_is_the_crops(pool: Pool, reader: Reader) -> None:
    times = torch.cat([_drawn(pool, reader, 64, NEVER, step).time for step in range(20)])
    levels = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9], dtype=torch.float64)
    expected = compute_times(1 - levels, FRAMES)
    torch.testing.assert_close(times.quantile(levels.float()), expected, atol=0.03, rtol=0)
    long, short = (draw(pool, reader, 2, frames, create_rng(0, 0, 3), NEVER) for frames in (10, 5))
    assert (long.clean.shape[2], short.clean.shape[2]) == (10, 5)
    assert not torch.equal(long.condition.global_vector, short.condition.global_vector)
    assert reader.to_seconds(10) == pytest.approx(10 * HOP / RATE)


def test_a_step_draws_the_same_again_and_each_process_its_own(pool: Pool, reader: Reader) -> None:
    def drawn(seed: int, process: int, step: int) -> torch.Tensor:
        torch.manual_seed(99)
        batch = draw(pool, reader, 4, 10, create_rng(seed, process, step))
        return torch.cat([batch.clean, batch.noise, batch.time[:, None, None].expand(-1, -1, 10)], dim=1)

    again = drawn(1, 2, 3)
    assert torch.equal(drawn(1, 2, 3), again)
    for other in ((0, 2, 3), (1, 0, 3), (1, 2, 4)):
        assert not torch.equal(drawn(*other), again)
