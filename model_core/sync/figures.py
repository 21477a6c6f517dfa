"""Comparison of music with the events of a video: all measures with their chance levels, and hits event by event."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.sync.chance import SHIFTS, Figure, shift_figure
from model_core.sync.measures import (
    HIT_TOLERANCE_S,
    av_align,
    beat_alignment,
    cut_hit_f1,
    downbeat_agreement,
    match_times,
    salience_auc,
)
from model_core.sync.sound import Envelope, SoundFeatures, strongest_peak_times

Floats = NDArray[np.float64]

MEASURES: Final = (
    "f1_onset",
    "f1_novelty",
    "auc_onset",
    "auc_novelty",
    "bas",
    "bas_reverse",
    "av_align",
    "downbeats",
)


@dataclass(frozen=True)
class VideoEvents:
    """Events and motion of a video that music is compared with.

    Attributes:
        duration: of the video, seconds.
        events: times at which the picture changes, seconds, shape (K,).
        motion_peaks: maxima of the optical flow, seconds, shape (M,).
        motion_window_s: tolerance of AV-Align, which is one frame of the flow.
        bpm: tempo of the motion, where it is known.
    """

    duration: float
    events: Floats
    motion_peaks: Floats
    motion_window_s: float
    bpm: float | None = None


def compute_figures(sound: SoundFeatures, video: VideoEvents, shifts: int = SHIFTS) -> dict[str, Figure]:
    """Compute the figures by the names in MEASURES; those that need events, or motion, are omitted without them.

    Raises:
        ValueError: the video is too short to shift its music.
    """
    found = {}
    if len(video.events):
        for name, metric in _of_events(sound, len(video.events)).items():
            found[name] = shift_figure(metric, video.events, video.duration, shifts)
    if len(video.motion_peaks):
        window = video.motion_window_s
        found["av_align"] = shift_figure(
            lambda peaks: av_align(sound.onsets, peaks, window), video.motion_peaks, video.duration, shifts
        )
    return {name: found[name] for name in MEASURES if name in found}


def _of_events(sound: SoundFeatures, count: int) -> dict[str, Callable[[Floats], float]]:
    """Metrics as functions of the event times only; values of the music are computed once."""
    return {
        "f1_onset": _f1(sound.onset, count),
        "f1_novelty": _f1(sound.novelty, count),
        "auc_onset": lambda events: salience_auc(sound.onset, events),
        "auc_novelty": lambda events: salience_auc(sound.novelty, events),
        "bas": lambda events: beat_alignment(events, sound.beats),
        "bas_reverse": lambda events: beat_alignment(sound.beats, events),
        "downbeats": lambda events: downbeat_agreement(events, sound.downbeats),
    }


def _f1(envelope: Envelope, count: int) -> Callable[[Floats], float]:
    peaks = strongest_peak_times(envelope, count)
    return lambda events: cut_hit_f1(events, peaks)


@dataclass(frozen=True)
class EventMatches:
    """The K strongest peaks of one envelope, matched with the K events.

    Attributes:
        peaks: times of the peaks in seconds, ascending.
        partner: index of the peak that hits each event, or -1, shape (K,).
        offset_s: seconds from each event to the nearest peak, shape (K,); NaN without peaks.
    """

    peaks: Floats
    partner: NDArray[np.int64]
    offset_s: Floats

    @property
    def hits(self) -> int:
        """Number of events that are hit."""
        return int((self.partner >= 0).sum())

    @classmethod
    def of(cls, envelope: Envelope, events: Floats) -> "EventMatches":
        """Choose the peaks and match them one-to-one."""
        peaks = strongest_peak_times(envelope, len(events))
        partner = np.full(len(events), -1)
        for event, peak in match_times(events, peaks, HIT_TOLERANCE_S):
            partner[event] = peak
        if not len(peaks):
            return cls(peaks, partner, np.full(len(events), np.nan))
        distances = peaks[None, :] - events[:, None]
        nearest = np.abs(distances).argmin(axis=1) if len(events) else np.zeros(0, int)
        return cls(peaks, partner, distances[np.arange(len(events)), nearest])
