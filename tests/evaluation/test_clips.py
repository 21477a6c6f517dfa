"""The generated clips: what they claim about their cuts is true of the decoded pictures."""

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.evaluation.clips import FPS, Clip, cut_frames, make_clips


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    return make_clips(tmp_path_factory.mktemp("clips"), count=2)


def decoded(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Grey pictures and their times in seconds."""
    with av.open(path) as container:
        pairs = [(frame.to_ndarray(format="gray"), frame.time) for frame in container.decode(video=0)]
    return np.array([p for p, _ in pairs], np.float64), np.array([t for _, t in pairs], np.float64)


def test_the_picture_jumps_at_the_cuts_and_nowhere_else(clips: list[Clip]) -> None:
    for clip in clips:
        pictures, times = decoded(clip.path)
        jumps = np.abs(np.diff(pictures, axis=0)).mean((1, 2))
        strongest = np.sort(np.argsort(-jumps)[: len(clip.cuts)]) + 1
        np.testing.assert_allclose(times[strongest], clip.cuts, atol=1e-3)
        elsewhere = np.delete(jumps, strongest - 1)
        assert jumps[strongest - 1].min() > 1.5 * elsewhere.max()
        assert np.median(elsewhere) > 0  # the shots move


def test_length_and_number_of_cuts_are_as_promised(clips: list[Clip]) -> None:
    for clip in clips:
        _, times = decoded(clip.path)
        assert 10 <= times[-1] + 1 / FPS <= 14
        assert 3 <= len(clip.cuts) <= 8
    assert clips[0].cuts != clips[1].cuts


def test_the_same_seed_gives_the_same_pictures(clips: list[Clip], tmp_path: Path) -> None:
    (again,) = make_clips(tmp_path, count=1)
    assert again.cuts == clips[0].cuts
    np.testing.assert_array_equal(decoded(again.path)[0], decoded(clips[0].path)[0])


def test_cuts_keep_clear_of_each_other_and_of_the_ends() -> None:
    for seed in range(50):
        frames = 250 + seed * 2
        cuts = cut_frames(np.random.default_rng(seed), frames, 3 + seed % 6)
        gaps = np.diff([0, *cuts, frames])
        assert len(cuts) == 3 + seed % 6
        assert gaps.min() >= 22
