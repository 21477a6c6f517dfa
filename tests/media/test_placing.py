"""The times of packets in a result: as the source has them, or later by as little as will do."""

import numpy as np
import pytest

from model_core.media import MediaError
from model_core.media.demux.timestamps import check_placed, place_timestamps
from model_core.media.demux.track import UNKNOWN

B_PICTURES = [0, 120, 40, 80, 240, 160, 200]


def _placed(pts: list[int], dts: list[int], origin: int = 0) -> tuple[list[int], list[int]]:
    shown, decoded = place_timestamps(pts, dts, origin, step=40)
    return shown.tolist(), decoded.tolist()


def test_sound_times_move_by_the_origin_alone() -> None:
    pts, dts = [value + 1000 for value in B_PICTURES], list(range(920, 1200, 40))
    assert _placed(pts, dts, origin=1000) == (B_PICTURES, list(range(-80, 200, 40)))


def test_unknown_decoding_times_never_lie_after_the_showing() -> None:
    shown, decoded = _placed(B_PICTURES, [UNKNOWN] * 7)
    assert shown == B_PICTURES
    assert decoded == sorted(set(decoded))
    assert all(early <= late for early, late in zip(decoded, shown, strict=True))


def test_unknown_decoding_times_at_the_start_come_before_the_first_known_one() -> None:
    assert _placed(B_PICTURES, [UNKNOWN, UNKNOWN, 0, 40, 80, 120, 160]) == (
        B_PICTURES,
        [-80, -40, 0, 40, 80, 120, 160],
    )


def test_a_picture_of_the_same_time_follows_a_tick_later() -> None:
    assert _placed([0, 40, 40, 80], [0, 40, 40, 80]) == ([0, 40, 41, 80], [0, 40, 41, 80])


def test_a_picture_of_unknown_time_is_shown_when_it_is_decoded() -> None:
    assert _placed([0, UNKNOWN, 80], [0, 40, 80])[0] == [0, 40, 80]


@pytest.mark.parametrize("late", [-400, -251, -250, 0, 250, 251, 400])
def test_a_quarter_of_a_second_is_the_limit(late: int) -> None:
    wanted = np.array([0, 500, UNKNOWN, 1000])
    shown = np.array([0, 500 + late, 700, 1000])
    if abs(late) <= 250:
        check_placed(shown, wanted, end=1040, tick_s=0.001)
        return
    with pytest.raises(MediaError, match=r"by 0\.[34] s") as refused:
        check_placed(shown, wanted, end=1040, tick_s=0.001)
    assert refused.value.code == "unreadable"


def test_pictures_of_unknown_time_that_run_past_the_end_are_refused() -> None:
    with pytest.raises(MediaError, match=r"by 1\.0 s"):
        check_placed(np.array([0, 2040]), np.array([0, UNKNOWN]), end=1040, tick_s=0.001)
