"""Chunks cover everything once, and keep nothing that lies within a margin of a cut."""

import pytest

from model_core.models.stable_audio.codec import Chunk, chunk_length, find_margin, split_into_chunks


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
        chunks = split_into_chunks(frames, window, margin)
        assert [chunk.kept_first for chunk in chunks] == [0, *(chunk.kept_last for chunk in chunks[:-1])]
        assert chunks[-1].kept_last == frames
        assert {chunk.last - chunk.first for chunk in chunks} == {min(frames, window)}
        for chunk in chunks:
            assert chunk.kept_first < chunk.kept_last
            assert chunk.first == 0 or chunk.kept_first - chunk.first >= margin
            assert chunk.last == frames or chunk.last - chunk.kept_last >= margin


def test_a_chunk_of_margins_alone_is_refused() -> None:
    assert split_into_chunks(100, 17, 8)[1] == Chunk(1, 18, 9, 10)
    with pytest.raises(ValueError, match="nothing but their margins of 8"):
        split_into_chunks(100, 16, 8)
