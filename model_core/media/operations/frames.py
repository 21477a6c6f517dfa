"""The operation ``frames``: the picture shown at each instant of a regular grid, small, in batches."""

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
from model_core.media.operations.luma_changes import Changes
from model_core.media.operations.probe import clockwise
from model_core.media.sandbox.child.channel import Channel
from model_core.media.sandbox.child.files import Source
from model_core.media.types import MediaError, MediaLimits

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
