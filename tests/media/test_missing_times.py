"""Times for packets that have none: counted, put in order, moved out of the way of shown pictures."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.media import MediaError
from model_core.media.demux import timeline, timestamps
from model_core.media.demux.track import UNKNOWN, Track

MS = Fraction(1, 1000)
FAR = 250


def _counted(dts: list[int]) -> list[int]:
    return list(timestamps.fill_missing_dts(np.array(dts), MS))


def _times(pts: list[int], dts: list[int], order: list[int], depth: int = 0) -> list[int]:
    return list(timestamps.find_display_times(np.array(pts), np.array(dts), np.array(order), depth, MS))


def _track(pts: list[int], marks: str) -> Track:
    """A letter for each packet: ``.`` and ``K`` are shown, ``h`` and ``H`` hidden; keyframes are capitals."""
    times: NDArray[np.int64] = np.array(pts)
    return Track(
        times, times, times * 0, np.array([one in "hH" for one in marks]), np.array([one in "HK" for one in marks])
    )


def test_missing_times_are_counted_on_from_the_last_known_one() -> None:
    assert _counted([0, UNKNOWN, UNKNOWN, 120, UNKNOWN, 200, UNKNOWN]) == [0, 40, 80, 120, 160, 200, 240]
    assert _counted([UNKNOWN, 40, 80]) == [0, 40, 80]


def test_a_gap_stays_a_gap() -> None:
    assert _counted([0, UNKNOWN, 80, UNKNOWN, 2000, UNKNOWN, 2080]) == [0, 40, 80, 120, 2000, 2040, 2080]


def test_more_pictures_than_there_is_time_for_are_refused() -> None:
    with pytest.raises(MediaError, match=r"times .* are missing .* by 0\.4 s"):
        _counted([0, 40, *[UNKNOWN] * 10, 80])


def test_the_order_of_showing_gives_the_times() -> None:
    nothing = [UNKNOWN] * 4
    assert _times(nothing, [0, 40, 80, 120], order=[0, 2, 1, 3]) == [40, 120, 80, 160]
    assert _times(nothing, [0, 40, 2000, 2040], order=[0, 1, 2, 3], depth=1) == [40, 2000, 2040, 2080]


def test_known_times_stay_and_say_how_late_the_others_are() -> None:
    pts = [580, UNKNOWN, 620, UNKNOWN]
    assert _times(pts, [500, 540, 580, 620], order=[0, 2, 1, 3]) == [580, 660, 620, 700]


def test_times_that_contradict_the_order_are_refused() -> None:
    with pytest.raises(MediaError, match=r"contradict their order by 1\.0 s"):
        _times([1080, 80, UNKNOWN], [0, 40, 80], order=[0, 1, 2])


@pytest.mark.parametrize(
    ("pts", "marks", "kept"),
    [
        ([0, 40, 80, 120], "K..h", "K.."),  # the end
        ([-80, -40, 0, 40], "Hh..", "Hh.."),  # the start
        ([-120, -80, -40, 0], "HhH.", "H."),
        ([0, 40, 80, 0, 40, 80], "K.hHh.", "K.Hh."),  # up to the keyframe before the second piece
        ([0, 40, 80, 120, 80, 120], "K.hHK.", "K.K."),  # all, where the second piece begins with one
        ([0, 40, 80, 40, 80, 60], "K.hHK.", "K.HK."),  # but not where a picture before it still needs the other
        ([0, 40, 120, 80, 160], "K.h..", "K.h.."),  # nothing that a later picture is made of
    ],
)
def test_hidden_packets_are_kept_where_a_shown_one_needs_them(pts: list[int], marks: str, kept: str) -> None:
    needed, _ = timeline.find_needed_packets(_track(pts, marks))
    assert "".join(mark for mark, keep in zip(marks, needed, strict=True) if keep) == kept


def _squeezed(pts: list[int], marks: str, begins: int) -> list[int]:
    track = _track(pts, marks)
    starts = np.arange(len(pts)) == begins
    return list(timeline.place_hidden_packets(track.times, track.hidden, starts, max(pts) + 40, FAR))


def test_hidden_packets_take_a_tick_each_before_the_next_picture() -> None:
    assert _squeezed([0, 40, 0, 40, 80, 120], "K.Hh..", begins=2) == [0, 40, 78, 79, 80, 120]


def test_hidden_packets_at_the_start_stay_where_they_are() -> None:
    assert _squeezed([-80, -40, 0, 0, 40], "Hh.H.", begins=3) == [-80, -40, 0, 39, 40]


def test_a_picture_too_near_to_the_cut_is_moved_as_little_as_will_do() -> None:
    assert _squeezed([0, 40, 0, 40, 41, 80], "K.Hh..", begins=2) == [0, 40, 41, 42, 43, 80]


def test_hidden_packets_behind_the_last_picture_stay_within_its_time() -> None:
    assert _squeezed([0, 120, 160, 40, 80], "Khh..", begins=0) == [0, 198, 199, 40, 80]


def test_a_cut_without_room_is_refused() -> None:
    with pytest.raises(MediaError, match="cut in several places"):
        _squeezed([0, 40, *range(-300, 0), 41], "K." + "h" * 300 + ".", begins=2)
