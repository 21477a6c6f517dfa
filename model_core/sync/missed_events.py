"""Missed events of generated music: its strongest moments against the events of the video, by onset and by novelty.

As many strongest moments are taken as there are events, and each should lie at one. Missed events, and strong moments
without an event (strays), are reported so that the music can be sampled again there.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from model_core.encoders.log_mel_chroma import LogMelChroma

Floats = NDArray[np.float64]

SAMPLE_RATE: Final = 22050
"""Sample rate of the measured audio, Hz."""
_HOP: Final = 220
RATE: Final = SAMPLE_RATE / _HOP
"""Onset strength values per second."""
_FFT: Final = 1024
_BANDS: Final = 48
_BLOCK: Final = 4096  # windows per run: limits the memory of long music
_LAG: Final = 2  # hops between compared windows: half of a window, so that an attack counts once
_FLOOR: Final = 1e-3  # of the loudest band: values 60 dB below it count as silence


def onset_strength(audio: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean rise of the log-mel spectrum of mono audio (N,) at SAMPLE_RATE, shape (T,); value i at i / RATE seconds."""
    padded = np.pad(audio, (_FFT // 2, _FFT))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[: len(audio) : _HOP]
    hann, filters = np.hanning(_FFT).astype(np.float32), _filters()
    blocks = [windows[first : first + _BLOCK] for first in range(0, len(windows), _BLOCK)]
    bands = np.concatenate([np.abs(rfft(block * hann, axis=1)).astype(np.float32) @ filters for block in blocks])
    level = np.log(np.maximum(bands, _FLOOR * float(bands.max(initial=1e-6))))
    rise = np.maximum(level[_LAG:] - level[:-_LAG], 0).mean(axis=1)
    # A window reaches an attack half its length before its center does; the lag compensates for that.
    return np.concatenate([np.zeros(_LAG), rise]).astype(np.float64)


def _filters() -> NDArray[np.float32]:
    """Filters of equal width in mel, shape (_FFT // 2 + 1, _BANDS)."""
    frequencies = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
    mel = 2595 * np.log10(1 + frequencies / 700)
    edges = np.linspace(mel[2], mel[-1], _BANDS + 2)
    rising = (mel[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - mel[:, None]) / (edges[2:] - edges[1:-1])
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None), np.float32)


TOLERANCE_S: Final = 0.1
_REACH_S: Final = 0.08
_MIN_DISTANCE_S: Final = 0.3
_EDGE_S: Final = 0.35  # events closer to an end are masked by the music's own start and end


@dataclass(frozen=True)
class Salience:
    """Onset strength and novelty of music, every 1 / RATE seconds, shape (T,) each, at least 0."""

    onset: Floats
    novelty: Floats

    @property
    def envelopes(self) -> tuple[Floats, Floats]:
        """Onset strength and novelty."""
        return self.onset, self.novelty


def measure_salience(audio: NDArray[np.float32], encoder: LogMelChroma) -> Salience:
    """Salience of mono audio (N,) at SAMPLE_RATE."""
    onset = onset_strength(audio)
    curve = encoder.curve(audio, SAMPLE_RATE)
    novelty = curve.at(np.arange(len(onset)) / RATE)
    return Salience(onset, novelty - novelty.min())


@dataclass(frozen=True)
class EventMatch:
    """Match of K events with the strongest moments of a piece of music.

    Attributes:
        missed: seconds of the events that are not among the strongest moments of one or both of the envelopes.
        stray: seconds of strongest moments at which there is no event.
        hits: events met by onset plus events met by novelty, 0..2 K.
        levels: for each envelope, the height of the lowest of its K strongest moments.
    """

    missed: Floats
    stray: Floats
    hits: int
    levels: tuple[float, float]


def match_events(salience: Salience, times: Floats) -> EventMatch:
    """Match the K strongest moments of each envelope with K event times in seconds, ascending."""
    duration = len(salience.onset) / RATE
    times = times[(times > _EDGE_S) & (times < duration - _EDGE_S)]
    missed, stray, hits, levels = [], [], 0, []
    for envelope in salience.envelopes:
        peaks = strongest_peak_indices(envelope, len(times), _MIN_DISTANCE_S * RATE)
        levels.append(min((envelope[peak] for peak in peaks), default=float(envelope.max(initial=0.0))))
        near = np.abs(times[:, None] - np.array(peaks, np.float64)[None] / RATE) <= TOLERANCE_S
        met = np.asarray(near.any(axis=1))
        missed += times[~met].tolist()
        stray += [
            peak / RATE for peak, at_event in zip(peaks, np.asarray(near.any(axis=0)), strict=True) if not at_event
        ]
        hits += int(met.sum())
    return EventMatch(np.unique(missed), np.unique(stray), hits, (levels[0], levels[1]))


def span_fit(salience: Salience, times: Floats, first_s: float, last_s: float, levels: tuple[float, float]) -> float:
    """Score the fit of one span of music to its events, unitless: peaks at the events minus peaks elsewhere.

    Args:
        salience: salience of the whole piece.
        times: times of all events in seconds.
        first_s, last_s: start and end of the span in seconds.
        levels: level of a strong moment in each envelope; see EventMatch.
    """
    at = np.arange(len(salience.onset)) / RATE
    inside = times[(times >= first_s) & (times < last_s)]
    near = np.abs(at[:, None] - inside[None]).min(axis=1) if len(inside) else np.full(len(at), np.inf)
    within = (at >= first_s) & (at < last_s)
    total = 0.0
    for envelope, level in zip(salience.envelopes, levels, strict=True):
        loudest = [float(envelope[np.abs(at - time) <= _REACH_S].max(initial=0.0)) for time in inside]
        elsewhere = float(envelope[within & (near > TOLERANCE_S)].max(initial=0.0))
        total += sum(np.tanh(2 * (loud / max(level, 1e-9) - 1)) for loud in loudest)
        total -= float(np.tanh(2 * (elsewhere / max(level, 1e-9) - 1)))
    return total


def strongest_peak_indices(values: Floats, count: int, min_distance: float) -> list[int]:
    """Indices of the ``count`` highest local maxima of values (T,), or of all, at least ``min_distance`` apart."""
    inner = values[1:-1]
    local = np.flatnonzero((inner > values[:-2]) & (inner >= values[2:])) + 1
    chosen: list[int] = []
    for peak in local[np.argsort(-values[local], kind="stable")]:
        if len(chosen) == count:
            break
        if all(abs(peak - other) >= min_distance for other in chosen):
            chosen.append(int(peak))
    return chosen
