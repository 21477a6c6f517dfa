"""Timestamps of a video's packets in a result: display order, missing times, and the rules of containers."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import compress
from typing import Final

import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from model_core.media.demux.source import decode_pictures, open_container, pick_video
from model_core.media.demux.track import UNKNOWN, Track, packets
from model_core.media.sandbox.messages import Source
from model_core.media.types import MediaError, MediaLimits

FARTHEST_S: Final = 0.25
"""Largest shift of a picture from its time in the source. Damaged recordings jump by a few pictures; with a larger
shift, a change in the music would no longer seem to belong to the picture."""


def place_timestamps(
    pts: Sequence[int], dts: Sequence[int], origin: int, step: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """New pts and dts for packets in file order, in ticks from ``origin``, shape (packets,) each.

    Containers need a dts that increases from packet to packet and is not later than the pts. Times that break this
    rule, or are unknown (Matroska writes no dts), are moved later by as little as possible.

    Args:
        pts: display times in ticks, or UNKNOWN.
        dts: decoding times in ticks, or UNKNOWN.
        origin: the tick that becomes 0.
        step: usual interval between two pictures, in ticks.
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


def check_placed(shown: NDArray[np.int64], wanted: NDArray[np.int64], end: int, tick_s: float) -> None:
    """Check that placed pictures are close to their times in the source and not after the video's end.

    Args:
        shown: placed times in ticks, shape (packets,).
        wanted: times in the source in ticks from the same zero, shape (packets,); UNKNOWN where it has none.
        end: end of the last picture, in ticks from the same zero.
        tick_s: length of a tick in seconds.

    Raises:
        MediaError: unreadable, when a picture is too far off.
    """
    known = wanted != UNKNOWN
    moved = np.abs(shown[known] - wanted[known]).max(initial=0)
    check_shift(max(int(moved), int(shown.max(initial=0)) - end) * tick_s)


def check_shift(seconds: float) -> None:
    """Raise MediaError unreadable when a picture would be shifted by more than FARTHEST_S."""
    if seconds > FARTHEST_S:
        detail = f"The times of the video's pictures are missing or go back by {seconds:.1f} s, so music would drift."
        raise MediaError(f"{detail} Convert it and send it again.", "unreadable")


_WITHOUT_PTS: Final = ("avi", "asf")  # these containers store decoding times; FFmpeg extrapolates from there


def needs_display_order(track: Track, container: str, has_b_pictures: bool) -> bool:
    """Return True when the display order of the pictures can only be found by decoding them."""
    if not has_b_pictures:
        return False
    rises = bool((np.diff(track.times) > 0).all())  # display times with B pictures would not rise
    return bool((track.pts == UNKNOWN).any()) or (container in _WITHOUT_PTS and rises)


def find_display_order(source: Source, limits: MediaLimits, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Indices of the kept packets in display order, shape (packets,), found by decoding all of them.

    A packet that cannot be decoded follows the one before it in the file.

    Raises:
        MediaError: unreadable, when most packets cannot be decoded.
    """
    with open_container(source, limits) as container:
        stream = pick_video(container, limits)
        stream.codec_context.options = {**stream.codec_context.options, "skip_loop_filter": "all"}
        numbered = _number_packets(compress(packets(container, stream), kept))
        numbers = [picture.pts for picture in decode_pictures(numbered, stream, limits) if picture.pts is not None]
    count = int(kept.sum())
    shown = list(dict.fromkeys(number for number in numbers if 0 <= number < count))
    if 2 * len(shown) < count:
        detail = "The video has no times for its pictures, and most cannot be decoded to find their order."
        raise MediaError(f"{detail} Convert it and send it again.", "unreadable")
    place = np.full(count, -1)
    place[shown] = np.arange(len(shown))
    last_known = np.maximum.accumulate(np.where(place >= 0, np.arange(count), -1))
    return np.lexsort((np.arange(count), np.where(last_known >= 0, place[last_known], -1)))


def _number_packets(found: "Iterator[Packet[VideoStream]]") -> "Iterator[Packet[VideoStream]]":
    for number, packet in enumerate(found):
        packet.pts = packet.dts = number
        yield packet


def fill_missing_dts(dts: NDArray[np.int64], time_base: Fraction) -> NDArray[np.int64]:
    """Decoding times with missing ones extrapolated from the last known one at the usual step, shape (packets,).

    The usual step is that between the closest known packets. At least one dts is known.

    Raises:
        MediaError: unreadable, when there are so many packets between two known ones that the times would pass the
            second by far.
    """
    known = np.flatnonzero(dts != UNKNOWN)
    counts, lengths = np.diff(known), np.diff(dts[known])
    usual = float(np.median((lengths / counts)[counts == counts.min()])) if counts.size else 1.0
    check_shift(float((counts * usual - lengths).max(initial=0.0) * time_base))
    # Never past the next known time; the rest of the interval stays a gap.
    pace = np.r_[np.minimum(lengths / counts, usual), usual]
    every = np.arange(dts.size)
    at = np.maximum(np.searchsorted(known, every, side="right") - 1, 0)
    steps = every - known[at]
    offsets: NDArray[np.float64] = np.rint(steps * np.where(steps < 0, usual, pace[at]))
    return np.asarray(dts[known[at]] + offsets.astype(np.int64))


def find_display_times(
    pts: NDArray[np.int64], dts: NDArray[np.int64], order: NDArray[np.int64], depth: int, time_base: Fraction
) -> NDArray[np.int64]:
    """Display time of each picture in ticks, shape (packets,): its own pts, or a time derived from the order.

    An encoder that delays pictures by n packets decodes packet k + n when picture k is shown.

    Args:
        pts: display times; UNKNOWN where the source has no usable one.
        dts: decoding times, all known.
        order: indices of the packets in display order.
        depth: least number of packets by which decoding runs ahead, as stated by the stream.
        time_base: length of a tick in seconds.

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
