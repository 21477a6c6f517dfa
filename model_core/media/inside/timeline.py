"""What the packets of a video stream say about time. No picture is decoded for it, and no header is believed."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

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
        missing_dts: packets at the start that carry no dts, as Matroska writes them.
        first_dts: the first dts that there is.
    """

    time_base: Fraction
    origin: int
    end: int
    step: int
    frames: int
    variable: bool
    missing_dts: int
    first_dts: int

    @property
    def duration(self) -> Fraction:
        """Seconds from the first picture's start to the last one's end."""
        return (self.end - self.origin) * self.time_base


def scan(container: InputContainer, stream: VideoStream, limits: MediaLimits) -> Timeline:
    """Read all packets of ``stream``; MediaError no_frames, too_long, or budget for too many packets."""
    time_base = stream.time_base or Fraction(1, 90_000)
    longest = int(limits.max_duration_s / time_base)
    pts, hidden = array("q"), array("q")
    last: tuple[int, int] | None = None  # the latest shown picture: when, and for how long
    missing_dts, first_dts = 0, None
    for packet in packets(container, stream):
        if first_dts is None:
            first_dts = packet.dts
            missing_dts += packet.dts is None
        shown_at = time_of(packet)
        if shown_at is None:
            continue
        (hidden if packet.is_discard else pts).append(shown_at)
        if not packet.is_discard:
            this = (shown_at, packet.duration or 0)
            last = this if last is None else max(last, this)
        if len(pts) + len(hidden) > limits.max_frames:
            raise MediaError(f"has more than {limits.max_frames} pictures, which is the limit", "budget")
        if pts and shown_at - pts[0] > longest + (1 / time_base):
            raise _too_long(float((shown_at - pts[0]) * time_base), limits)
    times = np.unique(np.frombuffer(pts or hidden, dtype=np.int64))
    if not times.size:
        raise MediaError("has a video stream without a single picture", "no_frames")
    distances = np.diff(times)
    step = int(np.median(distances)) if distances.size else _lone_step(stream, time_base)
    found = Timeline(
        time_base=time_base,
        origin=int(times[0]),
        end=int(times[-1]) + (last[1] if last and last[1] > 0 else step),
        step=step,
        frames=times.size,
        variable=_varies(distances),
        missing_dts=missing_dts,
        first_dts=int(times[0]) if first_dts is None else first_dts,
    )
    if found.duration > limits.max_duration_s:
        raise _too_long(float(found.duration), limits)
    return found


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


def time_of(packet: "Packet[VideoStream]") -> int | None:
    """When the packet's picture is shown; its dts where the container knows no more."""
    return packet.dts if packet.pts is None else packet.pts


def _varies(distances: np.ndarray[tuple[int], np.dtype[np.int64]]) -> bool:
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
