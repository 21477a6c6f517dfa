"""Sync report of a video with sound: measures of how well any music follows its picture."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_core.curves.video import FrameEncoder
from model_core.encoders.log_mel_chroma import LogMelChroma
from model_core.errors import InputError
from model_core.media import probe, read_audio
from model_core.sync.chance import Figure, PooledR, correlate_curves, pool_correlations
from model_core.sync.figures import EventMatches, VideoEvents, compute_figures
from model_core.sync.measures import HIT_TOLERANCE_S
from model_core.sync.sound import SoundFeatures, analyze_sound
from model_core.sync.video import VideoFeatures, analyze_video

Floats = NDArray[np.float64]

SAMPLE_RATE: Final = 44_100
LEAST_S: Final = 2.0
LEAST_SOUND_S: Final = 1.0
WINDOW_S: Final = 0.2


@dataclass(frozen=True)
class SyncReport:
    """Measurements of one video.

    Attributes:
        video: curve and motion of the picture.
        events: times that the music should meet, in seconds, ascending, shape (K,).
        strengths: strengths of the events, 0..1, shape (K,); NaN for given events.
        given: True for given events, False for events found in the picture.
        sound: features of the sound.
        figures: figures with their nulls, by metric.
        correlation: correlation of the event curves of video and music.
        onset, novelty: matches of the events by either envelope.
    """

    video: VideoFeatures
    events: Floats
    strengths: Floats
    given: bool
    sound: SoundFeatures
    figures: dict[str, Figure]
    correlation: PooledR
    onset: EventMatches
    novelty: EventMatches


def measure(
    video: Path,
    encoder: FrameEncoder,
    events: Floats | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> SyncReport:
    """Measure the sound of a video against its picture.

    The sound is assumed to begin with the first picture. read_audio does not report a track that begins later; such a
    track is measured too early.

    Args:
        video: any file; it is decoded in the sandbox.
        encoder: encoder of the pictures.
        events: times that the music should meet, in seconds; by default the peaks of the video's event curve.
        progress: called with the fraction done.

    Raises:
        InputError: the video cannot be read, has no sound, is too short, or ends before an event.
    """
    _check_events(probe(video).duration, events)  # events and sound first, so that errors are raised early
    audio = read_audio(video, SAMPLE_RATE)
    features = analyze_video(video, encoder, lambda fraction: progress(0.9 * fraction))
    report = measure_sound(features, audio, SAMPLE_RATE, events)
    progress(1.0)
    return report


def measure_sound(
    features: VideoFeatures, audio: NDArray[np.float32], sample_rate: int, events: Floats | None = None
) -> SyncReport:
    """Measure sound (channels, N) that is not in the file; sound beyond the end of the video is ignored."""
    duration = features.info.duration
    wanted = _check_events(duration, events)
    if audio.shape[1] < LEAST_SOUND_S * sample_rate:
        raise InputError("video", f"has less than {LEAST_SOUND_S:g} s of sound", "too_short")
    # Peaks beyond the end of the picture must not count.
    audio = audio[:, : round(duration * sample_rate)]
    found = features.curve.peaks()
    times, strengths = (found.times, found.strengths) if wanted is None else (wanted, np.full(len(wanted), np.nan))
    sound = analyze_sound(audio, sample_rate)
    music = LogMelChroma().curve(audio, sample_rate)
    return SyncReport(
        features,
        times,
        strengths,
        wanted is not None,
        sound,
        compute_figures(sound, VideoEvents(duration, times, features.motion_peaks, features.motion_window_s)),
        pool_correlations([[correlate_curves(features.curve, music, duration, WINDOW_S)]]),
        EventMatches.of(sound.onset, times),
        EventMatches.of(sound.novelty, times),
    )


def _check_events(duration: float, events: Floats | None) -> Floats | None:
    """Return the events sorted and without duplicates; InputError for events outside of the video."""
    if duration < LEAST_S:
        raise InputError("video", f"is {duration:.1f} s long; a figure needs at least {LEAST_S:g} s", "too_short")
    if events is None:
        return None
    if not ((events >= 0) & (events <= duration)).all():  # also refuses NaN
        raise InputError("--events", f"must be between 0 and {duration:.2f} s, the length of the video")
    return np.unique(events)


def summarize(report: SyncReport) -> str:
    """The result in one sentence."""
    count = len(report.events)
    if not count:
        return "The picture has no change that stands out, so there is no event to hit."
    what = "given event" if report.given else "change of the picture"
    many = "given events" if report.given else "changes of the picture"
    if not len(report.onset.peaks):
        return f"The sound has no onset: none of {count} {what if count == 1 else many} is hit."
    figure = report.figures["f1_onset"]
    chance = figure.mean * (count + len(report.onset.peaks)) / 2
    return (
        f"{report.onset.hits} of {count} {what + ' has' if count == 1 else many + ' have'} a strong onset within "
        f"{1000 * HIT_TOLERANCE_S:.0f} ms; chance would give {chance:.1f} (p {figure.p:.3f})."
    )


def lag_ms(report: SyncReport) -> float:
    """Delay of the music's curve in milliseconds; NaN where a curve is flat and no lag is best."""
    flat = report.correlation.r == 0 and report.correlation.z == 0
    return math.nan if flat else 1000 * report.correlation.lag_s


def report_json(report: SyncReport) -> dict[str, Any]:
    """The report as strict JSON; infinite and unknown values become null."""
    correlation = report.correlation
    return {
        "duration_s": _number(report.video.info.duration),
        "verdict": summarize(report),
        "events_given": report.given,
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
            "lag_ms": _number(lag_ms(report), 0),
            "window_s": WINDOW_S,
            "null_mean": _number(correlation.null_mean),
            "z": _number(correlation.z),
            "p": _number(correlation.p),
        },
        "tempo_bpm": _number(report.sound.tempo_bpm, 1) or None,
        "tolerance_ms": 1000 * HIT_TOLERANCE_S,
    }


def _columns(figure: Figure) -> dict[str, float]:
    return {"value": figure.value, "null_mean": figure.mean, "z": figure.z, "p": figure.p}


def _number(value: float, digits: int = 4) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None
