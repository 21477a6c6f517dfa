"""How well the music of one video follows its picture: any video with sound, whoever made the music."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_core.encoders.spectral import LogMelChroma, music_event_curve
from model_core.errors import InputError
from model_core.evaluation.correlation import PooledR, correlogram, pooled_r
from model_core.evaluation.envelopes import Envelope, strongest_peaks
from model_core.evaluation.judge import Seen, judge
from model_core.evaluation.listening import Heard, listen
from model_core.evaluation.looking import Looked, look
from model_core.evaluation.metrics import HIT_TOLERANCE_S, pairs
from model_core.evaluation.nulls import Figure
from model_core.media import read_audio
from model_core.video_curve import FrameEncoder

Floats = NDArray[np.float64]

SAMPLE_RATE: Final = 44_100
LEAST_S: Final = 2.0
WINDOW_S: Final = 0.2


@dataclass(frozen=True)
class Meeting:
    """The K strongest peaks of one envelope against the K events.

    Attributes:
        peaks: their times in seconds, ascending.
        partner: for each event the index of the peak that hits it, -1 for a miss, shape (K,).
        offset_s: seconds from each event to its nearest of the peaks, shape (K,); NaN when there are none.
    """

    peaks: Floats
    partner: NDArray[np.int64]
    offset_s: Floats

    @property
    def hits(self) -> int:
        """Events that were hit."""
        return int((self.partner >= 0).sum())

    @classmethod
    def of(cls, envelope: Envelope, events: Floats) -> "Meeting":
        """Choose the peaks and match them one-to-one."""
        peaks = strongest_peaks(envelope, len(events))
        partner = np.full(len(events), -1)
        for event, peak in pairs(events, peaks, HIT_TOLERANCE_S):
            partner[event] = peak
        if not len(peaks):
            return cls(peaks, partner, np.full(len(events), np.nan))
        distances = peaks[None, :] - events[:, None]
        nearest = np.abs(distances).argmin(axis=1) if len(events) else np.zeros(0, int)
        return cls(peaks, partner, distances[np.arange(len(events)), nearest])


@dataclass(frozen=True)
class SyncReport:
    """All that was measured of one video.

    Attributes:
        looked: its curve and motion.
        events, strengths: what the music was to meet, seconds and 0..1, shape (K,).
        heard: what its sound holds.
        figures: by metric, each with its null.
        correlation: of the video's and the music's event curve.
        onset, novelty: which events are met.
    """

    looked: Looked
    events: Floats
    strengths: Floats
    heard: Heard
    figures: dict[str, Figure]
    correlation: PooledR
    onset: Meeting
    novelty: Meeting


def measure(
    video: Path,
    encoder: FrameEncoder,
    events: Floats | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> SyncReport:
    """Look at the video, listen to its own sound, and hold the one against the other.

    Args:
        video: any file; it is decoded in the sandbox.
        encoder: pictures to features.
        events: seconds that the music should meet; by default the peaks of the video's event curve.
        progress: called with the fraction done.

    Raises:
        InputError: the video cannot be read, has no sound, is too short, or ends before an event.
    """
    audio = read_audio(video, SAMPLE_RATE)  # first: a silent video is told at once
    looked = look(video, encoder, lambda fraction: progress(0.9 * fraction))
    report = measure_sound(looked, audio, SAMPLE_RATE, events)
    progress(1.0)
    return report


def measure_sound(
    looked: Looked, audio: NDArray[np.float32], sample_rate: int, events: Floats | None = None
) -> SyncReport:
    """The same for sound of shape (channels, N) that is not in the file."""
    duration = looked.info.duration
    if duration < LEAST_S:
        raise InputError("video", f"is {duration:.1f} s long; a figure needs at least {LEAST_S:g} s", "too_short")
    if audio.shape[1] / sample_rate < 1.0:
        raise InputError("video", "has less than a second of sound", "too_short")
    peaks = looked.curve.peaks()
    strengths = peaks.strengths
    if events is None:
        events = peaks.times
    else:
        events = np.sort(events)
        if len(events) and not 0 <= events[0] <= events[-1] <= duration:
            raise InputError("--events", f"must lie within 0 and {duration:.2f} s, the length of the video")
        strengths = np.ones(len(events))
    heard = listen(audio, sample_rate)
    music = music_event_curve(audio, sample_rate, LogMelChroma())
    return SyncReport(
        looked,
        events,
        strengths,
        heard,
        judge(heard, Seen(duration, events, looked.motion_peaks, looked.motion_window_s)),
        pooled_r([[correlogram(looked.curve, music, duration, WINDOW_S)]]),
        Meeting.of(heard.onset, events),
        Meeting.of(heard.novelty, events),
    )


def verdict(report: SyncReport) -> str:
    """One sentence for people."""
    count = len(report.events)
    if not count:
        return "The picture has no change that stands out: there is nothing to meet."
    figure = report.figures["f1_onset"]
    chance = figure.mean * (count + len(report.onset.peaks)) / 2
    return (
        f"{report.onset.hits} of {count} changes of the picture have one of the {len(report.onset.peaks)} "
        f"strongest onsets within {1000 * HIT_TOLERANCE_S:.0f} ms; chance would give {chance:.1f} (p {figure.p:.3f})."
    )


def report_json(report: SyncReport) -> dict[str, Any]:
    """Everything as strict JSON: what is infinite or unknown becomes null."""
    correlation = report.correlation
    return {
        "duration_s": _number(report.looked.info.duration),
        "verdict": verdict(report),
        "events": [
            {
                "time_s": _number(time),
                "strength": _number(strength),
                **{
                    name: {"hit": bool(met.partner[i] >= 0), "nearest_peak_ms": _number(1000 * met.offset_s[i], 1)}
                    for name, met in (("onset", report.onset), ("novelty", report.novelty))
                },
            }
            for i, (time, strength) in enumerate(zip(report.events, report.strengths, strict=True))
        ],
        "figures": {
            name: {name_: _number(value) for name_, value in _columns(figure).items()}
            for name, figure in report.figures.items()
        },
        "curve_correlation": {
            "r": _number(correlation.r),
            "lag_ms": _number(1000 * correlation.lag_s, 0),
            "window_s": WINDOW_S,
            "null_mean": _number(correlation.null_mean),
            "z": _number(correlation.z),
            "p": _number(correlation.p),
        },
        "tempo_bpm": _number(report.heard.tempo_bpm, 1),
        "tolerance_ms": 1000 * HIT_TOLERANCE_S,
    }


def _columns(figure: Figure) -> dict[str, float]:
    return {"value": figure.value, "null_mean": figure.mean, "z": figure.z, "p": figure.p}


def _number(value: float, digits: int = 4) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None
