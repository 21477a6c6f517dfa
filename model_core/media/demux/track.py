"""Packets of a video stream and their times, read from the packets themselves; headers are not trusted."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, Self

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from model_core.media.types import MediaError, MediaLimits

UNKNOWN: Final = -(1 << 63)
_SPARE_BYTES: Final = 1 << 20  # Matroska may omit bytes with which all packets begin


@dataclass(frozen=True)
class Track:
    """Packets of one stream in file order; all arrays have shape (packets,), times are in ticks.

    Attributes:
        pts: display time, or UNKNOWN.
        dts: decoding time, or UNKNOWN.
        duration: display duration; 0 where the file has none.
        hidden: True for packets that an edit list hides.
        key: True for packets at which decoding can begin.
    """

    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    duration: NDArray[np.int64]
    hidden: NDArray[np.bool_]
    key: NDArray[np.bool_]

    @property
    def times(self) -> NDArray[np.int64]:
        """Display times; the dts where there is no pts, and UNKNOWN where there is neither."""
        return np.where(self.pts == UNKNOWN, self.dts, self.pts)

    def select(self, kept: NDArray[np.bool_]) -> Self:
        """The packets that are True in ``kept``, shape (packets,)."""
        columns = {name: getattr(self, name)[kept] for name in ("pts", "dts", "duration", "hidden", "key")}
        return replace(self, **columns)


def read_track(
    container: InputContainer, stream: VideoStream, time_base: Fraction, limits: MediaLimits, size: int
) -> Track:
    """Read all packets of ``stream`` in a file of ``size`` bytes.

    Raises:
        MediaError: too_long; budget, for too many packets or more bytes than the file holds.
    """
    longest, carried = int(limits.max_duration_s / time_base) + 1 / time_base, 0
    pts, dts, duration, hidden, key = array("q"), array("q"), array("q"), array("b"), array("b")
    first: int | None = None
    for packet in packets(container, stream):
        pts.append(UNKNOWN if packet.pts is None else packet.pts)
        dts.append(UNKNOWN if packet.dts is None else packet.dts)
        duration.append(packet.duration or 0)
        hidden.append(packet.is_discard)
        key.append(packet.is_keyframe)
        carried += packet.size
        if len(pts) > limits.max_frames:
            raise MediaError(f"The video has more than {limits.max_frames} pictures, the limit.", "budget")
        if carried > size + _SPARE_BYTES:
            # An index may point to the same bytes again and again; a small file could give a result of any size.
            detail = f"The video lists {carried} bytes of pictures in a file of {size} bytes. None may be listed twice."
            raise MediaError(detail, "budget")
        shown_at = packet.dts if packet.pts is None else packet.pts
        if shown_at is None or packet.is_discard:
            continue
        first = shown_at if first is None else first
        if shown_at - first > longest:
            raise too_long_error(float((shown_at - first) * time_base), limits)
    return Track(
        pts=np.array(pts, dtype=np.int64),
        dts=np.array(dts, dtype=np.int64),
        duration=np.array(duration, dtype=np.int64),
        hidden=np.array(hidden, dtype=bool),
        key=np.array(key, dtype=bool),
    )


def packets(container: InputContainer, stream: VideoStream) -> "Iterator[Packet[VideoStream]]":
    """Packets of the stream in file order; a truncated file gives those that it has."""
    try:
        for packet in container.demux(stream):
            if packet.size:  # PyAV ends with an empty packet that flushes decoders
                yield packet
    except MemoryError:
        raise
    except FFmpegError:
        return


def too_long_error(seconds: float, limits: MediaLimits) -> MediaError:
    """Error for a video of at least ``seconds`` seconds."""
    return MediaError(
        f"The video is at least {seconds:.0f} s long; the limit is {limits.max_duration_s:g} s.", "too_long"
    )
