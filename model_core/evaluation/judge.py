"""All metrics of one piece of music under one video, each with its null."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.evaluation.envelopes import Envelope, strongest_peaks
from model_core.evaluation.listening import Heard
from model_core.evaluation.metrics import av_align, beat_alignment, cut_hit_f1, downbeat_agreement, salience_auc
from model_core.evaluation.nulls import SHIFTS, Figure, shift_figure

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
class Seen:
    """What the music is held against.

    Attributes:
        duration: of the video, seconds.
        events: times at which the picture changes, seconds, shape (K,).
        motion_peaks: maxima of the optical flow, seconds, shape (M,).
        motion_window_s: AV-Align's tolerance, one frame of the flow.
        bpm: tempo of the motion, where it is known.
    """

    duration: float
    events: Floats
    motion_peaks: Floats
    motion_window_s: float
    bpm: float | None = None


def judge(heard: Heard, seen: Seen, shifts: int = SHIFTS) -> dict[str, Figure]:
    """Figures by the names in MEASURES; without events, or without motion, what needs them is left out.

    Raises:
        ValueError: the video is too short to shift its music.
    """
    found = {}
    if len(seen.events):
        for name, metric in _of_events(heard, len(seen.events)).items():
            found[name] = shift_figure(metric, seen.events, seen.duration, shifts)
    if len(seen.motion_peaks):
        window = seen.motion_window_s
        found["av_align"] = shift_figure(
            lambda peaks: av_align(heard.onsets, peaks, window), seen.motion_peaks, seen.duration, shifts
        )
    return {name: found[name] for name in MEASURES if name in found}


def _of_events(heard: Heard, count: int) -> dict[str, Callable[[Floats], float]]:
    """The metrics as functions of the event times alone: what they need of the music is computed once."""
    return {
        "f1_onset": _f1(heard.onset, count),
        "f1_novelty": _f1(heard.novelty, count),
        "auc_onset": lambda events: salience_auc(heard.onset, events),
        "auc_novelty": lambda events: salience_auc(heard.novelty, events),
        "bas": lambda events: beat_alignment(events, heard.beats),
        "bas_reverse": lambda events: beat_alignment(heard.beats, events),
        "downbeats": lambda events: downbeat_agreement(events, heard.downbeats),
    }


def _f1(envelope: Envelope, count: int) -> Callable[[Floats], float]:
    peaks = strongest_peaks(envelope, count)
    return lambda events: cut_hit_f1(events, peaks)
