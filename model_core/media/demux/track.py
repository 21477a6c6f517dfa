"""The packets of a video stream, read once: their times as the file tells them. No header is believed."""

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

from model_core.media.demux.timestamps import UNKNOWN
from model_core.media.types import MediaError, MediaLimits

_SPARE_BYTES: Final = 1 << 20  # Matroska may leave bytes out that all packets begin with


@dataclass(frozen=True)
class Track:
    """All are (packets,), in the order of the file; times in ticks.

    Attributes:
        pts: when the picture is shown, or UNKNOWN.
        dts: when it is decoded, or UNKNOWN.
        duration: how long it is shown; 0 where the file does not say.
        hidden: whether an edit list hides it.
        key: whether decoding can begin here.
    """

    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    duration: NDArray[np.int64]
    hidden: NDArray[np.bool_]
    key: NDArray[np.bool_]

    @property
    def times(self) -> NDArray[np.int64]:
        """When each is shown; its dts where the container knows no more, and UNKNOWN where it knows neither."""
        return np.where(self.pts == UNKNOWN, self.dts, self.pts)

    def only(self, kept: NDArray[np.bool_]) -> Self:
        """The packets that are marked in ``kept``."""
        columns = {name: getattr(self, name)[kept] for name in ("pts", "dts", "duration", "hidden", "key")}
        return replace(self, **columns)


def read(container: InputContainer, stream: VideoStream, time_base: Fraction, limits: MediaLimits, size: int) -> Track:
    """All packets of ``stream`` in a file of ``size`` bytes; MediaError too_long, or budget: too many or too large."""
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
            # An index may point to the same bytes again and again: a small file would make a result without end.
            detail = f"The video lists {carried} bytes of pictures in a file of {size} bytes. None may be listed twice."
            raise MediaError(detail, "budget")
        shown_at = packet.dts if packet.pts is None else packet.pts
        if shown_at is None or packet.is_discard:
            continue
        first = shown_at if first is None else first
        if shown_at - first > longest:
            raise too_long(float((shown_at - first) * time_base), limits)
    return Track(
        pts=np.array(pts, dtype=np.int64),
        dts=np.array(dts, dtype=np.int64),
        duration=np.array(duration, dtype=np.int64),
        hidden=np.array(hidden, dtype=bool),
        key=np.array(key, dtype=bool),
    )


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


def too_long(seconds: float, limits: MediaLimits) -> MediaError:
    """The refusal of a video that lasts at least so many seconds."""
    return MediaError(
        f"The video is at least {seconds:.0f} s long; the limit is {limits.max_duration_s:g} s.", "too_long"
    )
