"""The operation ``frames``: small pictures at the instants of a regular grid, in batches, with times of change."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from model_core.media.demux.source import decode_pictures, open_container, pick_video
from model_core.media.demux.timeline import Timeline, kept_packets, scan
from model_core.media.operations.probe import clockwise_rotation
from model_core.media.sandbox.messages import Channel, Source
from model_core.media.types import MediaError, MediaLimits

BATCH: Final = 64


def frames(channel: Channel, limits: MediaLimits, source: Source, rate: float, size: int) -> None:
    """Send batches of pictures and their times of change, then ``end``. Memory does not grow with the video."""
    timeline = scan(source, limits)
    with open_container(source, limits) as container:
        stream = pick_video(container, limits)
        pictures = decode_pictures(kept_packets(container, stream, timeline), stream, limits)
        batch, changed = np.empty((BATCH, size, size, 3), dtype=np.uint8), list[float]()
        small, of_picture = np.empty(0, dtype=np.uint8), -1
        for now in sample_grid(pictures, timeline, rate):
            if now.number != of_picture:  # a picture that is shown at several instants is scaled once
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
class ShownPicture:
    """Picture shown at one instant.

    Attributes:
        number: index of the picture in the video.
        picture: the decoded picture.
        changed: time of the largest change since the previous instant, in seconds.
    """

    number: int
    picture: VideoFrame
    changed: float


def sample_grid(pictures: Iterator[VideoFrame], timeline: Timeline, rate: float) -> Iterator[ShownPicture]:
    """Pictures on screen at 0, 1/rate, 2/rate ... seconds; their pts count from the timeline's origin.

    A picture is on screen from its own pts to the next one's, for constant and variable rates alike. The first and the
    last picture also fill the rest of the time at both ends. So a cut lies between the last instant before the pts of
    its first new picture and the first instant at or after it; ``changed`` says where in between.
    """
    tick = float(timeline.time_base)
    instants = max(1, math.ceil(float(timeline.duration) * rate - 1e-6))
    rounding = tick / 2 + 1e-9  # containers store times as whole ticks
    instant, shown, pts = 0, None, -timeline.step
    number, changes = -1, Changes()
    for number, picture in enumerate(pictures):
        pts = pts + timeline.step if picture.pts is None else picture.pts
        begins = pts * tick
        while shown is not None and instant < instants and instant / rate < begins - rounding:
            yield ShownPicture(number - 1, shown, changes.change_time((instant - 1) / rate, instant / rate))
            instant += 1
        shown = picture
        changes.add(picture, begins)
    if shown is None:
        raise MediaError("The video's pictures cannot be decoded.", "unreadable")
    for rest in range(instant, instants):
        yield ShownPicture(number, shown, changes.change_time((rest - 1) / rate, rest / rate))


def shrink(picture: VideoFrame, size: int) -> NDArray[np.uint8]:
    """The displayed picture as RGB, shape (size, size, 3), each pixel the mean of the area that it covers."""
    small = picture.reformat(size, size, "rgb24", interpolation=Interpolation.AREA, threads=1)
    quarters = clockwise_rotation(picture) // 90
    upright = np.rot90(small.to_ndarray(), -quarters)
    return np.ascontiguousarray(upright, dtype=np.uint8)


_WIDTH: Final = 64
_HEIGHT: Final = 36


class Changes:
    """Times of change for the intervals of a coarse grid, from all pictures at the video's own rate."""

    def __init__(self) -> None:
        self._luma: NDArray[np.int16] | None = None
        self._weights = self._weighted_times = 0.0

    def add(self, picture: VideoFrame, begins: float) -> None:
        """Add a picture that is on screen from ``begins`` seconds on."""
        # At this size grain and sensor noise average out, and it costs a tenth of decoding.
        small = picture.reformat(_WIDTH, _HEIGHT, "gray", interpolation=Interpolation.AREA, threads=1)
        luma = small.to_ndarray().astype(np.int16)
        if self._luma is not None:
            # Squared, so that the one frame of a cut outweighs the even motion around it.
            weight = float(np.abs(luma - self._luma).mean()) ** 2
            self._weights += weight
            self._weighted_times += weight * begins
        self._luma = luma

    def change_time(self, start: float, end: float) -> float:
        """Mean time of the changes since the last call, weighted by their squares, within start..end seconds.

        The middle of the interval where nothing changed.
        """
        middle = (start + end) / 2
        time = self._weighted_times / self._weights if self._weights > 0 else middle
        self._weights = self._weighted_times = 0.0
        return max(0.0, min(max(time, start), end))
