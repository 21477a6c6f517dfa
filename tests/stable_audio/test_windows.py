"""Windows that continue one another: nothing is left out, and what is given is there."""

import pytest

from model_core.flow.sampler import Window, continuing_windows


def test_what_fits_is_one_window() -> None:
    assert continuing_windows(10, 10, 3, 1) == [Window(0, 10, 0, 10)]
    assert continuing_windows(1, 10, 3, 1) == [Window(0, 1, 0, 1)]


@pytest.mark.parametrize("frames", [13, 14, 16, 17, 40, 163])
@pytest.mark.parametrize(("longest", "context", "ending"), [(10, 3, 1), (10, 1, 0), (12, 5, 6)])
def test_windows_go_on_from_one_another(frames: int, longest: int, context: int, ending: int) -> None:
    windows = continuing_windows(frames, longest, context, ending)
    there = 0
    for window in windows:
        assert window.last - window.first == longest, "shapes stay the same"
        assert window.first + window.known == there, "what is given is what is there, up to its end"
        assert window.known == 0 or window.known >= context
        assert there < window.kept <= window.last
        assert window.kept == window.last or window.last - window.kept == ending
        there = window.kept
    assert there == frames == windows[-1].last


def test_windows_that_do_not_get_on_are_refused() -> None:
    with pytest.raises(ValueError, match="add nothing"):
        continuing_windows(30, 10, 6, 4)
