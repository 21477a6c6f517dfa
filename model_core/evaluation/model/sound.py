"""Sound of the takes: correlation with the given curve, clipping, loudness, silence and speed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from model_core.curves.event_curve import EventCurve, draw_peaks
from model_core.encoders.log_mel_chroma import LogMelChroma
from model_core.evaluation.model.page import NOTHING, Measured, Row, mean, share
from model_core.evaluation.model.takes import FRAME_RATE, Studio, Take, plant_curve
from model_core.evaluation.systems import shuffle_events
from model_core.loudness import integrated_lufs, true_peak_dbtp
from model_core.models.score.codec.codec import SAMPLE_RATE
from model_core.sync.chance import correlate_curves

WINDOW_S: Final = 0.2
CLIPS_DBTP: Final = -1.0
DC_DBFS: Final = -60.0
SILENT_DBFS: Final = -70.0
SPREAD_LU: Final = 2.0
_AFTER_S: Final = 14.0
"""Seconds of sound that are added to a take; the last few of them are faded out by the codec in any case."""
_DEAD_S: Final = 6.0
"""After so many of them every note and the room must have died away."""
_TIMED_S: Final = 30.0
_FLOOR: Final = 1e-7


@dataclass(frozen=True)
class TakeSound:
    """Measurements of the sound of one take.

    Attributes:
        style: of the header.
        r, r_shuffled: correlation of its curve with the target curve, and with one whose events are at other times.
        peak_dbtp: true peak.
        dc_dbfs: constant offset.
        lufs: integrated loudness.
    """

    style: str
    r: float
    r_shuffled: float
    peak_dbtp: float
    dc_dbfs: float
    lufs: float


def measure_take(studio: Studio, take: Take, encoder: LogMelChroma) -> TakeSound:
    """Render a take and measure it."""
    audio = studio.play(take)
    heard = encoder.curve(audio, SAMPLE_RATE)
    other = shuffle_events(take.curve, take.plan.duration, np.random.default_rng([take.seed, 5]))
    return TakeSound(
        take.plan.header.style,
        correlate_events(take.curve, heard, take.plan.duration),
        correlate_events(other, heard, take.plan.duration),
        true_peak_dbtp(audio, SAMPLE_RATE),
        _decibels(float(np.abs(audio.mean(axis=1)).max())),
        integrated_lufs(audio, SAMPLE_RATE),
    )


def correlate_events(given: EventCurve, heard: EventCurve, duration: float) -> float:
    """Pearson's r of the given curve's events, drawn as the flow takes them, and the heard curve, both over 0.2 s."""
    times = np.arange(int(duration * FRAME_RATE)) / FRAME_RATE
    shaped = EventCurve(times, draw_peaks(given.peaks(), times), given.encoder)
    products = correlate_curves(shaped, heard, duration, WINDOW_S).products
    return float(products[0] / len(products))


def silence_dbfs(studio: Studio, take: Take) -> float:
    """Level (RMS) of a second that begins _DEAD_S after a take's end, where its sound may ring on."""
    longer = replace(take, plan=replace(take.plan, duration=take.plan.duration + _AFTER_S))
    start = round((take.plan.duration + _DEAD_S) * SAMPLE_RATE)
    return _decibels(float(np.sqrt(np.square(studio.play(longer)[:, start : start + SAMPLE_RATE]).mean())))


def seconds_for_half_a_minute(studio: Studio, prompts: Sequence[str]) -> list[float]:
    """Measure the wall time of planning, generating and rendering 30 s, with the model loaded."""
    curve, kept = plant_curve(0), slice(round(_TIMED_S * FRAME_RATE))
    short = EventCurve(curve.times[kept], curve.values[kept], curve.encoder)
    taken = []
    for seed, prompt in enumerate(prompts):
        started = time.perf_counter()
        studio.play(studio.take(prompt, seed, short))
        taken.append(time.perf_counter() - started)
    return taken


def curve_rows(heard: Sequence[TakeSound]) -> list[Row]:
    """Rows of the correlation between target and output curve."""
    return [
        Row("r of given and heard curve", ">=", 0.65, mean([one.r for one in heard])),
        Row("the same with a shuffled curve", "<", 0.1, mean([one.r_shuffled for one in heard])),
    ]


def sound_rows(heard: Sequence[TakeSound], silences: Sequence[float], seconds: Sequence[float]) -> list[Row]:
    """Rows of clipping, offset, loudness, silence and speed."""
    by_style: dict[str, list[float]] = {}
    for one in heard:
        by_style.setdefault(one.style, []).append(one.lufs)
    means = [float(np.mean(some)) for some in by_style.values()]
    return [
        Row(f"true peak at most {CLIPS_DBTP:g} dBTP", ">=", 1.0, share([one.peak_dbtp <= CLIPS_DBTP for one in heard])),
        Row("constant (DC), worst take", "<=", DC_DBFS, _worst([one.dc_dbfs for one in heard]), unit=" dBFS", digits=1),
        Row("loudness between styles, widest", "<=", SPREAD_LU, _spread(means, len(heard)), unit=" LU", digits=1),
        Row("level after all has ended, worst take", "<=", SILENT_DBFS, _worst(silences), unit=" dBFS", digits=1),
        Row("time for 30 s of music", "<", 2.0, mean(seconds), unit=" s", digits=2),
    ]


def _worst(values: Sequence[float]) -> Measured:
    """The highest value, with the range of the middle half of the values."""
    if not values:
        return NOTHING
    low, high = np.quantile(values, [0.25, 0.75])
    return Measured(max(values), float(low), float(high), len(values))


def _spread(means: Sequence[float], n: int) -> Measured:
    return Measured(max(means) - min(means), np.nan, np.nan, n) if means else NOTHING


def _decibels(level: float) -> float:
    return 20 * float(np.log10(max(level, _FLOOR)))
