"""What the packets of a video stream say about time. No picture is decoded for it, and no header is believed."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Final

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from model_core.media.inside.placing import UNKNOWN, check_kept, place
from model_core.media.types import MediaError, MediaLimits

_JITTER: Final = 0.02  # share of the usual distance of two pictures that still counts as constant
_USUAL_FRAME_S: Final = Fraction(1, 25)


@dataclass(frozen=True)
class Timeline:
    """Times in ticks of ``time_base``.

    Attributes:
        origin: pts of the first shown picture: the zero of all seconds that leave this package.
        end: end of the last shown picture.
        step: usual distance of two pictures.
        frames: number of shown pictures (packets that an edit list hides are not among them).
        variable: whether the distances differ by more than the container's rounding.
        pts: (packets,) when each packet is to be shown in a result, from ``origin`` on. Packets at the end that an
            edit list hides are not among them: nothing that is shown needs them.
        dts: (packets,) when it is to be decoded there.
    """

    time_base: Fraction
    origin: int
    end: int
    step: int
    frames: int
    variable: bool
    pts: NDArray[np.int64]
    dts: NDArray[np.int64]

    @property
    def duration(self) -> Fraction:
        """Seconds from the first picture's start to the last one's end."""
        return (self.end - self.origin) * self.time_base


def scan(container: InputContainer, stream: VideoStream, limits: MediaLimits) -> Timeline:
    """Read all packets of ``stream``.

    MediaError no_frames, too_long, budget for too many packets, or unreadable when no container could keep its times.
    """
    time_base = stream.time_base or Fraction(1, 90_000)
    longest = int(limits.max_duration_s / time_base)
    pts, dts, hidden = array("q"), array("q"), array("b")
    first: int | None = None
    last: tuple[int, int] | None = None  # the latest shown picture: when, and for how long
    for packet in packets(container, stream):
        shown_at = time_of(packet)
        pts.append(UNKNOWN if shown_at is None else shown_at)
        dts.append(UNKNOWN if packet.dts is None else packet.dts)
        hidden.append(packet.is_discard)
        if len(pts) > limits.max_frames:
            raise MediaError(f"has more than {limits.max_frames} pictures, which is the limit", "budget")
        if shown_at is None or packet.is_discard:
            continue
        this = (shown_at, packet.duration or 0)
        last = this if last is None else max(last, this)
        first = shown_at if first is None else first
        if shown_at - first > longest + (1 / time_base):
            raise _too_long(float((shown_at - first) * time_base), limits)
    kept = _up_to_the_last_shown(hidden)
    wanted, shown = np.array(pts[:kept], dtype=np.int64), ~np.array(hidden[:kept], dtype=bool)
    timed = wanted != UNKNOWN
    times = np.unique(wanted[timed & shown] if (timed & shown).any() else wanted[timed])
    if not times.size:
        raise MediaError("has a video stream without a single picture", "no_frames")
    distances = np.diff(times)
    step = int(np.median(distances)) if distances.size else _lone_step(stream, time_base)
    origin, end = int(times[0]), int(times[-1]) + (last[1] if last and last[1] > 0 else step)
    if (duration := (end - origin) * time_base) > limits.max_duration_s:
        raise _too_long(float(duration), limits)
    placed_pts, placed_dts = place(pts[:kept], dts[:kept], origin, step)
    aims = np.where(timed, wanted - origin, UNKNOWN)
    check_kept(placed_pts[shown], aims[shown], end - origin, float(time_base))
    return Timeline(time_base, origin, end, step, times.size, _varies(distances), placed_pts, placed_dts)


def _up_to_the_last_shown(hidden: Sequence[int]) -> int:
    for kept in range(len(hidden), 0, -1):
        if not hidden[kept - 1]:
            return kept
    return len(hidden)


def packets(container: InputContainer, stream: VideoStream) -> "Iterator[Packet[VideoStream]]":
    """The stream's packets in the order of the file; a file that was cut short ends where it ends."""
    try:
        for packet in container.demux(stream):
            if packet.size:  # PyAV closes with an empty packet that asks decoders for their rest
                yield packet
    except MemoryError:
        raise
    except FFmpegError:
        return


def kept_packets(container: InputContainer, stream: VideoStream, timeline: Timeline) -> "Iterator[Packet[VideoStream]]":
    """The packets that a result keeps, one for each of ``timeline.pts``."""
    return islice(packets(container, stream), timeline.pts.size)


def time_of(packet: "Packet[VideoStream]") -> int | None:
    """When the packet's picture is shown; its dts where the container knows no more."""
    return packet.dts if packet.pts is None else packet.pts


def _varies(distances: NDArray[np.int64]) -> bool:
    if not distances.size:
        return False
    # Two rounded times stand up to one tick nearer or farther than the true ones.
    usual = float(np.median(distances))
    return bool(np.abs(distances - usual).max() > max(1.5, _JITTER * usual))


def _lone_step(stream: VideoStream, time_base: Fraction) -> int:
    rate = stream.average_rate or stream.guessed_rate
    return max(1, round((1 / rate if rate else _USUAL_FRAME_S) / time_base))


def _too_long(seconds: float, limits: MediaLimits) -> MediaError:
    return MediaError(f"is at least {seconds:.0f} s long; the limit is {limits.max_duration_s:g} s", "too_long")
