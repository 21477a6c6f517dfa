"""Features of a video with which its music is compared: event curve and peaks of motion."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve
from model_core.curves.video import FrameEncoder, video_curve
from model_core.media import VideoInfo, frames, probe

Floats = NDArray[np.float64]

MOTION_RATE: Final = 25.0
MOTION_SIZE: Final = 128
LEAST_MOTION: Final = 0.1
"""Least mean optical flow of a maximum, in pixels, as in AV-Align's own code."""


@dataclass(frozen=True)
class VideoFeatures:
    """Measurements of one video.

    Attributes:
        curve: standardized event curve.
        info: result of probe.
        motion_peaks: local maxima of the optical flow, shape (M,), seconds.
        motion_window_s: tolerance of AV-Align, which is one frame of the flow.
    """

    curve: EventCurve
    info: VideoInfo
    motion_peaks: Floats
    motion_window_s: float = 1 / MOTION_RATE


def analyze_video(
    video: Path, encoder: FrameEncoder, progress: Callable[[float], None] = lambda fraction: None
) -> VideoFeatures:
    """Compute the features of a video, which is decoded twice: for the event curve, and for the flow at MOTION_RATE.

    Raises:
        MediaError: the video cannot be read.
    """
    info = probe(video)
    curve = video_curve(video, encoder, info.duration, lambda fraction: progress(fraction / 2))
    flow = optical_flow(video, lambda time: progress(0.5 + 0.5 * min(1.0, time / max(info.duration, 1e-3))))
    progress(1.0)
    return VideoFeatures(curve, info, motion_peaks(flow))


def optical_flow(video: Path, progress: Callable[[float], None] = lambda time: None) -> Floats:
    """Mean length of Farneback's flow in pixels of a MOTION_SIZE square, every 1/MOTION_RATE s; the first is 0."""
    flow, last = [0.0], None
    for batch in frames(video, MOTION_RATE, MOTION_SIZE):
        gray = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in batch.rgb]
        flow += [_mean_flow(a, b) for a, b in pairwise(gray if last is None else [last, *gray])]
        last = gray[-1]
        progress(float(batch.times[-1]))
    return np.array(flow)


def motion_peaks(flow: Floats) -> Floats:
    """Times in seconds of the local maxima of at least LEAST_MOTION, as AV-Align picks them."""
    middle = flow[1:-1]
    higher = (middle > flow[:-2]) & (middle > flow[2:]) & (middle >= LEAST_MOTION)
    return (np.flatnonzero(higher) + 1) / MOTION_RATE


def _mean_flow(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
    start = np.zeros((*before.shape, 2), np.float32)
    field = cv2.calcOpticalFlowFarneback(before, after, start, 0.5, 3, 15, 3, 5, 1.2, 0)
    return float(np.linalg.norm(field, axis=2).mean())
