"""Times for pictures that have none, or that come in another order than they are shown in."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import compress
from typing import Final

import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from model_core.media.demux.source import decoded, opened, pick_video
from model_core.media.demux.timestamps import FARTHEST_S, UNKNOWN, check_farthest
from model_core.media.demux.track import Track, packets
from model_core.media.sandbox.child.channel import Source
from model_core.media.types import MediaError, MediaLimits

_WITHOUT_PTS: Final = ("avi", "asf")  # they tell when a packet is decoded; FFmpeg counts on from there


def needs_order(track: Track, container: str, has_b_pictures: bool) -> bool:
    """Whether the order in which the pictures are shown stands in their codes alone."""
    if not has_b_pictures:
        return False
    rises = bool((np.diff(track.times) > 0).all())  # with B pictures it would not, were these the times of showing
    return bool((track.pts == UNKNOWN).any()) or (container in _WITHOUT_PTS and rises)


def shown_order(source: Source, limits: MediaLimits, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(packets,) the numbers of the kept packets in the order in which the decoder shows their pictures.

    All of them are decoded for it. One that cannot be decoded follows the one before it in the file. MediaError
    unreadable when that is most of them.
    """
    with opened(source, limits) as container:
        stream = pick_video(container, limits)
        stream.codec_context.options = {**stream.codec_context.options, "skip_loop_filter": "all"}
        numbered = _numbered(compress(packets(container, stream), kept))
        numbers = [picture.pts for picture in decoded(numbered, stream, limits) if picture.pts is not None]
    count = int(kept.sum())
    shown = list(dict.fromkeys(number for number in numbers if 0 <= number < count))
    if 2 * len(shown) < count:
        detail = "The video has no times for its pictures, and most cannot be decoded to find their order."
        raise MediaError(f"{detail} Convert it and send it again.", "unreadable")
    place = np.full(count, -1)
    place[shown] = np.arange(len(shown))
    last_known = np.maximum.accumulate(np.where(place >= 0, np.arange(count), -1))
    return np.lexsort((np.arange(count), np.where(last_known >= 0, place[last_known], -1)))


def _numbered(found: "Iterator[Packet[VideoStream]]") -> "Iterator[Packet[VideoStream]]":
    for number, packet in enumerate(found):
        packet.pts = packet.dts = number
        yield packet


def counted(dts: NDArray[np.int64], time_base: Fraction) -> NDArray[np.int64]:
    """(packets,) dts, all known: what is missing is counted on from the last known one (one is) at the usual pace.

    The pace is that of the known ones that stand nearest to each other. MediaError unreadable when so many packets
    stand between two known ones that counting would run far past the second.
    """
    known = np.flatnonzero(dts != UNKNOWN)
    counts, lengths = np.diff(known), np.diff(dts[known])
    usual = float(np.median((lengths / counts)[counts == counts.min()])) if counts.size else 1.0
    check_farthest(float((counts * usual - lengths).max(initial=0.0) * time_base))
    # Never past the next known one; what is left before it is a gap.
    pace = np.r_[np.minimum(lengths / counts, usual), usual]
    every = np.arange(dts.size)
    at = np.maximum(np.searchsorted(known, every, side="right") - 1, 0)
    steps = every - known[at]
    offsets: NDArray[np.float64] = np.rint(steps * np.where(steps < 0, usual, pace[at]))
    return np.asarray(dts[known[at]] + offsets.astype(np.int64))


def times_in_order(
    pts: NDArray[np.int64], dts: NDArray[np.int64], order: NDArray[np.int64], depth: int, time_base: Fraction
) -> NDArray[np.int64]:
    """(packets,) when each picture is shown, in ticks: at its own pts, or when the packet is decoded that gives it way.

    An encoder that delays pictures by n packets decodes the packet k + n when the k-th picture is shown.

    Args:
        pts: UNKNOWN where the source says nothing that counts.
        dts: all known.
        order: the packets' numbers as they are shown.
        depth: packets by which the stream says that decoding runs ahead, at least.
        time_base: seconds of a tick.

    Raises:
        MediaError: unreadable, when the known times contradict the order.
    """
    count = dts.size
    ahead = max(depth, int((order - np.arange(count)).max(initial=0)))
    usual = int(np.median(np.diff(dts))) if count > 1 else 1
    slots = np.r_[dts, dts[-1] + usual * np.arange(1, ahead + 1)][ahead:]
    times = np.empty(count, dtype=np.int64)
    times[order] = slots
    known = pts != UNKNOWN
    if known.any():
        times += round(float(np.median(pts[known] - times[known])))
        times[known] = pts[known]
    back = -int(np.diff(times[order]).min(initial=0))
    if back * time_base > FARTHEST_S:
        detail = f"The times of the video's pictures contradict their order by {float(back * time_base):.1f} s."
        raise MediaError(f"{detail} Convert it and send it again.", "unreadable")
    return times
