"""The times of a video's packets in the result: the source's, one constant earlier, wherever a container takes them."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.media.types import MediaError

UNKNOWN: Final = -(1 << 63)
FARTHEST_S: Final = 0.25
"""How far a picture may stand from its time in the source. Damaged recordings jump by a few pictures; farther away,
a change of the music would no longer be heard as that of the picture."""


def place(
    pts: Sequence[int], dts: Sequence[int], origin: int, step: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """New pts and dts, both (packets,) int64 ticks from ``origin``, for packets in the order of the file.

    No container takes a packet that is decoded before the one that it follows, or shown before it is decoded. Times
    that are unknown (Matroska writes no dts) or break this rule are moved later by as little as will do.

    Args:
        pts: when the packets are shown, in ticks, or UNKNOWN.
        dts: when they are decoded, in ticks, or UNKNOWN.
        origin: the tick that becomes 0.
        step: usual distance of two pictures, in ticks.
    """
    first = next((number for number, value in enumerate(dts) if value != UNKNOWN), None)
    known_at, known_dts = (len(dts), origin) if first is None else (first, dts[first])
    shown, decoded = np.empty(len(pts), dtype=np.int64), np.empty(len(dts), dtype=np.int64)
    last: int | None = None
    for number, (wanted, value) in enumerate(zip(pts, dts, strict=True)):
        if value == UNKNOWN:
            early = known_dts + (number - known_at) * step - origin
            now = early if last is None else max(early, last + 1)
            now = now if wanted == UNKNOWN else min(now, wanted - origin)
        else:
            known_at, known_dts, now = number, value, value - origin
        last = now if last is None else max(now, last + 1)
        decoded[number] = last
        shown[number] = last if wanted == UNKNOWN else max(last, wanted - origin)
    return shown, decoded


def check_kept(shown: NDArray[np.int64], wanted: NDArray[np.int64], end: int, tick_s: float) -> None:
    """MediaError unreadable when a placed picture stands too far from its time, or after the video's end.

    Args:
        shown: (packets,) ticks, as placed.
        wanted: (packets,) ticks from the same zero, as the source has them; UNKNOWN where it does not say.
        end: end of the last picture, in ticks from the same zero.
        tick_s: seconds of a tick.
    """
    known = wanted != UNKNOWN
    moved = np.abs(shown[known] - wanted[known]).max(initial=0)
    check_farthest(max(int(moved), int(shown.max(initial=0)) - end) * tick_s)


def check_farthest(seconds: float) -> None:
    """MediaError unreadable when a picture would stand too many seconds from its time."""
    if seconds > FARTHEST_S:
        detail = f"The times of the video's pictures are missing or go back by {seconds:.1f} s, so music would drift."
        raise MediaError(f"{detail} Convert it and send it again.", "unreadable")
