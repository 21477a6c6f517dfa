"""Timeline of a video: times of its packets in the source and in a result, and the packets that edit lists hide."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import compress, pairwise
from typing import Final

import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from model_core.media.demux import timestamps
from model_core.media.demux.source import open_container, pick_video
from model_core.media.demux.timestamps import FARTHEST_S, check_placed, place_timestamps
from model_core.media.demux.track import UNKNOWN, Track, packets, read_track, too_long_error
from model_core.media.sandbox.messages import Source
from model_core.media.types import MediaError, MediaLimits

_JITTER: Final = 0.02  # share of the usual interval by which intervals may differ and still count as constant
_USUAL_FRAME_S: Final = Fraction(1, 25)


@dataclass(frozen=True)
class Timeline:
    """Times of a video, in ticks of ``time_base``.

    Attributes:
        time_base: length of a tick in seconds.
        origin: pts of the first shown picture: the zero of all times outside of this package.
        end: end of the last shown picture.
        step: usual interval between two pictures.
        frames: number of shown pictures, without packets that an edit list hides.
        variable: True where the intervals differ by more than the container's rounding.
        kept: True for packets that a result keeps, shape (packets of the file,). Hidden packets are kept only where a
            shown picture needs them.
        pts: display times of the kept packets in a result, from ``origin`` on, shape (kept packets,).
        dts: their decoding times there, shape (kept packets,).
    """

    time_base: Fraction
    origin: int
    end: int
    step: int
    frames: int
    variable: bool
    kept: NDArray[np.bool_]
    pts: NDArray[np.int64]
    dts: NDArray[np.int64]

    @property
    def duration(self) -> Fraction:
        """Seconds from the start of the first picture to the end of the last."""
        return (self.end - self.origin) * self.time_base


def scan(source: Source, limits: MediaLimits) -> Timeline:
    """Read all packets of a video. Its pictures are decoded only where their order is not known otherwise.

    Raises:
        MediaError: no_frames; too_long; budget, for too many or too large packets; unreadable, when no container could
            keep its times; and the errors of open_container and pick_video.
    """
    with open_container(source, limits) as container:
        stream = pick_video(container, limits)
        time_base = stream.time_base or Fraction(1, 90_000)
        track = read_track(container, stream, time_base, limits, os.fstat(source.fd).st_size)
        kept, begins = find_needed_packets(track)
        track, begins = track.select(kept), begins[kept]
        shuffled = timestamps.needs_display_order(track, container.format.name, bool(stream.codec_context.has_b_frames))
        depth, lone_step = stream.codec_context.reorder_depth, _lone_step(stream, time_base)
    if not (track.times != UNKNOWN).any():
        raise MediaError("The video stream has no pictures.", "no_frames")
    display, dts = track.times, track.dts
    if (shuffled or (display == UNKNOWN).any()) and (dts != UNKNOWN).any():
        order = timestamps.find_display_order(source, limits, kept) if shuffled else np.arange(dts.size)
        known_pts = track.pts if (track.pts == UNKNOWN).any() else np.full_like(dts, UNKNOWN)
        dts = timestamps.fill_missing_dts(dts, time_base)
        display = timestamps.find_display_times(known_pts, dts, order, depth if shuffled else 0, time_base)
    timed = display != UNKNOWN
    shown = ~track.hidden if (timed & ~track.hidden).any() else np.ones_like(timed)
    times = np.unique(display[timed & shown])
    distances = np.diff(times)
    step = int(np.median(distances)) if distances.size else lone_step
    origin, end = int(times[0]), int(times[-1]) + (_longest(track, display == times[-1]) or step)
    if (duration := (end - origin) * time_base) > limits.max_duration_s:
        raise too_long_error(float(duration), limits)
    moved = place_hidden_packets(display, ~shown, begins, end, int(FARTHEST_S / time_base))
    placed_pts, placed_dts = place_timestamps(moved.tolist(), dts.tolist(), origin, step)
    check_placed(placed_pts[shown], np.where(timed, display - origin, UNKNOWN)[shown], end - origin, float(time_base))
    frames = np.unique(moved[timed & shown]).size
    return Timeline(time_base, origin, end, step, frames, _varies(distances), kept, placed_pts, placed_dts)


def kept_packets(container: InputContainer, stream: VideoStream, timeline: Timeline) -> "Iterator[Packet[VideoStream]]":
    """The packets that a result keeps, with their times in it."""
    kept = compress(packets(container, stream), timeline.kept)
    for packet, pts, dts in zip(kept, timeline.pts.tolist(), timeline.dts.tolist(), strict=False):
        packet.pts, packet.dts = pts, dts
        yield packet


def _longest(track: Track, at: NDArray[np.bool_]) -> int:
    """Display duration of the shown picture at that time, in ticks; 0 where the file has none."""
    return max(0, int(track.duration[at & ~track.hidden].max(initial=0)))


def _varies(distances: NDArray[np.int64]) -> bool:
    if not distances.size:
        return False
    # Rounding changes an interval by up to one tick.
    usual = float(np.median(distances))
    return bool(np.abs(distances - usual).max() > max(1.5, _JITTER * usual))


def _lone_step(stream: VideoStream, time_base: Fraction) -> int:
    rate = stream.average_rate or stream.guessed_rate
    return max(1, round((1 / rate if rate else _USUAL_FRAME_S) / time_base))


def find_needed_packets(track: Track) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Packets that a result keeps, and packets at which decoding restarts; two flags per packet, shape (packets,) each.

    Hidden packets at the end are dropped. Elsewhere, hidden packets are dropped up to the keyframe from which the next
    shown picture can be decoded.
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
    """Last keyframe up to ``stop``, the first shown packet, that is displayed before all shown pictures after it."""
    rest = track.hidden[stop:]
    shown = track.times[stop : stop + int(rest.argmax()) if rest.any() else None]
    later_keys = np.flatnonzero(track.key[stop + 1 : stop + shown.size])
    before_the_next = shown[: later_keys[0] + 1 if later_keys.size else None]
    for key in range(stop, start - 1, -1):
        if track.key[key] and track.times[key] <= before_the_next.min():
            return key
    return None


def place_hidden_packets(
    times: NDArray[np.int64], hidden: NDArray[np.bool_], begins: NDArray[np.bool_], end: int, farthest: int
) -> NDArray[np.int64]:
    """Display times that give each hidden packet after the first shown one a single tick, shape (packets,).

    No container can hide packets between shown pictures or after the last one. They get the last ticks before the next
    shown picture, or before the end, so that they replace no picture. A shown picture that follows a cut too closely
    for that is moved later. The decoder outputs all packets before one of ``begins`` ahead of those after it.

    Args:
        times: display times of the packets, in ticks.
        hidden: True for packets that an edit list hides.
        begins: True for packets at which decoding restarts after a cut.
        end: end of the last shown picture, in ticks.
        farthest: largest number of ticks by which a shown picture may be moved.

    Raises:
        MediaError: unreadable, when a picture would have to be moved farther.
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
