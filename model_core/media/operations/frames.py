"""The operation ``frames``: small pictures on a regular time grid, in batches, and the times of luma changes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from model_core.media.demux.source import decoded, opened, pick_video
from model_core.media.demux.timeline import Timeline, kept_packets, scan
from model_core.media.operations.probe import clockwise
from model_core.media.sandbox.child.channel import Channel, Source
from model_core.media.types import MediaError, MediaLimits

_WIDTH: Final = 64
_HEIGHT: Final = 36


class Changes:
    """Sees every picture at the video's own rate, and says for each interval of a coarser grid when it changed."""

    def __init__(self) -> None:
        self._luma: NDArray[np.int16] | None = None
        self._weights = self._weighted_times = 0.0

    def see(self, picture: VideoFrame, begins: float) -> None:
        """Take note of a picture that is on screen from ``begins`` seconds on."""
        # Small: grain and sensor noise average out, and it costs a tenth of decoding.
        small = picture.reformat(_WIDTH, _HEIGHT, "gray", interpolation=Interpolation.AREA, threads=1)
        luma = small.to_ndarray().astype(np.int16)
        if self._luma is not None:
            # Squared: one frame of a cut outweighs the even motion round it.
            weight = float(np.abs(luma - self._luma).mean()) ** 2
            self._weights += weight
            self._weighted_times += weight * begins
        self._luma = luma

    def moment(self, start: float, end: float) -> float:
        """The mean time of the changes seen since the last call, weighted by their squares, within start..end.

        The middle of the interval when nothing changed.
        """
        middle = (start + end) / 2
        moment = self._weighted_times / self._weights if self._weights > 0 else middle
        self._weights = self._weighted_times = 0.0
        return max(0.0, min(max(moment, start), end))


BATCH: Final = 64


def frames(channel: Channel, limits: MediaLimits, source: Source, rate: float, size: int) -> None:
    """Send batches of pictures with the number of their first instant, then ``end``. Memory does not grow with time."""
    timeline = scan(source, limits)
    with opened(source, limits) as container:
        stream = pick_video(container, limits)
        pictures = decoded(kept_packets(container, stream, timeline), stream, limits)
        batch, changed = np.empty((BATCH, size, size, 3), dtype=np.uint8), list[float]()
        small, of_picture = np.empty(0, dtype=np.uint8), -1
        for now in on_grid(pictures, timeline, rate):
            if now.number != of_picture:  # a picture that stays for several instants is scaled once
                small, of_picture = shrink(now.picture, size), now.number
            batch[len(changed)] = small
            changed.append(now.changed)
            if len(changed) == BATCH:
                channel.send({"kind": "frames", "changed": changed}, batch.data.cast("B"))
                changed.clear()
        if changed:
            channel.send({"kind": "frames", "changed": changed}, batch[: len(changed)].data.cast("B"))
    channel.send({"kind": "end"})


@dataclass(frozen=True)
class OnScreen:
    """What is shown at one instant: the picture, its number, and when it came to differ from the instant before."""

    number: int
    picture: VideoFrame
    changed: float


def on_grid(pictures: Iterator[VideoFrame], timeline: Timeline, rate: float) -> Iterator[OnScreen]:
    """What is on screen at 0, 1/rate, 2/rate ... seconds; the pictures' pts count from the timeline's origin.

    A picture is on screen from its own pts to the next one's, whatever their distance; the first and the last one
    also fill what is left at the ends. So a cut falls between the grid instant before its first new picture's pts
    and the first one at or after it, for constant and variable rates alike; `changed` tells where between them.
    """
    tick = float(timeline.time_base)
    instants = max(1, math.ceil(float(timeline.duration) * rate - 1e-6))
    rounding = tick / 2 + 1e-9  # a container writes times as whole ticks
    instant, shown, pts = 0, None, -timeline.step
    number, changes = -1, Changes()
    for number, picture in enumerate(pictures):
        pts = pts + timeline.step if picture.pts is None else picture.pts
        begins = pts * tick
        while shown is not None and instant < instants and instant / rate < begins - rounding:
            yield OnScreen(number - 1, shown, changes.moment((instant - 1) / rate, instant / rate))
            instant += 1
        shown = picture
        changes.see(picture, begins)
    if shown is None:
        raise MediaError("The video's pictures cannot be decoded.", "unreadable")
    for rest in range(instant, instants):
        yield OnScreen(number, shown, changes.moment((rest - 1) / rate, rest / rate))


def shrink(picture: VideoFrame, size: int) -> NDArray[np.uint8]:
    """The displayed picture as (size, size, 3) RGB, each pixel the mean of the area that it covers."""
    small = picture.reformat(size, size, "rgb24", interpolation=Interpolation.AREA, threads=1)
    quarters = clockwise(picture) // 90
    upright = np.rot90(small.to_ndarray(), -quarters)
    return np.ascontiguousarray(upright, dtype=np.uint8)
