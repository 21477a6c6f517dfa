"""Chunks cover everything once, and keep nothing that lies within a margin of a cut."""

import pytest

from model_core.flow.sampler import Window, continuing_windows
from model_core.models.stable_audio.codecs.same import chunk_length, find_margin


@pytest.mark.parametrize(
    ("strides", "depths", "sliding_window", "margin"),
    [
        ([16], [6], 1, 6),  # SAME-S
        ([16], [12], 1, 12),  # SAME-L
        ([16], [12], 2, 24),
        ([4, 4], [6, 6], 1, 8),  # the level of four segments a latent adds a latent and a half
        ([4, 2, 3], [1, 1, 1], 1, 2),  # 1/6 + 1/3 + 1
        ([16], [6], 0, 0),
    ],
)
def test_margins_of_all_levels_add_up(strides: list[int], depths: list[int], sliding_window: int, margin: int) -> None:
    assert find_margin(strides, depths, sliding_window) == margin


@pytest.mark.parametrize(("margin", "window"), [(0, 8), (1, 16), (6, 64), (12, 120)])
def test_the_window_is_some_ten_margins(margin: int, window: int) -> None:
    assert chunk_length(margin) == window


@pytest.mark.parametrize(("window", "margin"), [(16, 2), (17, 8), (8, 0), (120, 12)])
def test_chunks_are_of_one_size_and_keep_what_is_right(window: int, margin: int) -> None:
    for frames in [*range(1, 3 * window), 4092]:
        chunks = continuing_windows(frames, window, margin, margin)
        assert [chunk.first + chunk.known for chunk in chunks] == [0, *(chunk.kept for chunk in chunks[:-1])]
        assert chunks[-1].kept == frames
        assert {chunk.last - chunk.first for chunk in chunks} == {min(frames, window)}
        for chunk in chunks:
            assert chunk.first + chunk.known < chunk.kept
            assert chunk.first == 0 or chunk.known >= margin
            assert chunk.last == frames or chunk.last - chunk.kept >= margin


def test_a_chunk_of_margins_alone_is_refused() -> None:
    assert continuing_windows(100, 17, 8, 8)[1] == Window(1, 18, 8, 10)
    with pytest.raises(ValueError, match="add nothing with 8 of context and 8 of ending"):
        continuing_windows(100, 16, 8, 8)
