"""Packets that an edit list hides: which of them a shown picture needs, and where they go between two cuts."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from model_core.media.demux.track import Track
from model_core.media.types import MediaError


def needed(track: Track) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(packets,) which packets a result keeps, and (packets,) at which of them decoding begins anew.

    What is hidden at the end is left out, and elsewhere what comes before the keyframe from which the next shown
    picture can be decoded.
    """
    kept, begins = np.ones(track.hidden.size, dtype=bool), np.zeros(track.hidden.size, dtype=bool)
    edges = np.flatnonzero(np.diff(np.r_[False, track.hidden, False]))
    if track.hidden.all():
        return kept, begins
    for start, stop in edges.reshape(-1, 2):
        if stop == track.hidden.size:
            kept[start:] = False
        elif (key := _last_key(track, start, stop)) is not None:
            kept[start:key] = False
            begins[key] = start > 0
    return kept, begins


def _last_key(track: Track, start: int, stop: int) -> int | None:
    """The last keyframe up to ``stop`` (the first shown packet) after which nothing that is shown comes before it."""
    rest = track.hidden[stop:]
    shown = track.times[stop : stop + int(rest.argmax()) if rest.any() else None]
    later_keys = np.flatnonzero(track.key[stop + 1 : stop + shown.size])
    before_the_next = shown[: later_keys[0] + 1 if later_keys.size else None]
    for key in range(stop, start - 1, -1):
        if track.key[key] and track.times[key] <= before_the_next.min():
            return key
    return None


def squeezed(
    times: NDArray[np.int64], hidden: NDArray[np.bool_], begins: NDArray[np.bool_], end: int, farthest: int
) -> NDArray[np.int64]:
    """(packets,) times at which what is hidden between shown pictures, or behind the last, takes a tick each.

    These are the last ticks before the next shown picture or the end: no container can hide anything there, and none
    of it may take a picture's place. A shown picture that would stand too early for that after a cut is moved later.
    The decoder puts out all packets before one of ``begins`` ahead of those after it.

    Args:
        times: when the packets are shown, in ticks.
        hidden: which of them an edit list hides.
        begins: at which of them decoding begins anew, after a cut.
        end: end of the last shown picture, in ticks.
        farthest: by how many ticks a shown picture may be moved.

    Raises:
        MediaError: unreadable, when that is not enough.
    """
    moved = times.copy()
    in_order = np.lexsort((times, np.cumsum(begins)))
    shown = np.flatnonzero(~hidden[in_order])
    for before, after in pairwise(shown) if begins.any() else ():
        between, number = in_order[before + 1 : after], in_order[after]
        moved[number] = max(times[number], moved[in_order[before]] + between.size + 1)
        moved[between] = np.arange(moved[number] - between.size, moved[number])
    if behind := in_order.size - 1 - shown[-1]:
        first = max(end - behind, moved[in_order[shown[-1]]] + 1)
        moved[in_order[shown[-1] + 1 :]] = np.arange(first, first + behind)
    if (moved - times)[~hidden].max() > farthest:
        detail = "The video is cut in several places, and its hidden pictures do not fit between the visible ones."
        raise MediaError(f"{detail} Convert it and send it again.", "unreadable")
    return moved
