"""Which of a video's events are heard in music: the sound's strongest moments against the events, by onset and novelty.

The music is listened to as the listener does: as many strongest moments as there are events, and each of them should
be at one. What is missed, and what stands out where nothing happens, is named so that it can be drawn again.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve
from model_core.encoders.log_mel_chroma import LogMelChroma, music_event_curve
from model_core.sync.onset_strength import RATE, onset_strength

Floats = NDArray[np.float64]
SAMPLE_RATE: Final = 22050
"""Of the audio that is listened to, Hz."""
TOLERANCE_S: Final = 0.1
_REACH_S: Final = 0.08
_APART_S: Final = 0.3
_END_S: Final = 0.35  # events nearer to an end than this cannot be told from the music's own start and end


@dataclass(frozen=True)
class Heard:
    """How much happens in music, every 1 / RATE seconds: onset strength and novelty, shape (T,) each, at least 0."""

    onset: Floats
    novelty: Floats

    @property
    def envelopes(self) -> tuple[Floats, Floats]:
        return self.onset, self.novelty


def listen(audio: NDArray[np.float32], encoder: LogMelChroma) -> Heard:
    """Listen to mono audio (N,) at SAMPLE_RATE."""
    onset = onset_strength(audio)
    curve: EventCurve = music_event_curve(audio, SAMPLE_RATE, encoder)
    novelty = curve.at(np.arange(len(onset)) / RATE)
    return Heard(onset, novelty - novelty.min())


@dataclass(frozen=True)
class Verdict:
    """What became of K events in a piece of music.

    Attributes:
        missed: seconds of the events that are not among the strongest moments of one or both of the envelopes.
        stray: seconds of strongest moments at which nothing happens.
        hits: events met by onset plus events met by novelty, 0..2 K.
        levels: of each envelope, the least that one of its K strongest moments has.
    """

    missed: Floats
    stray: Floats
    hits: int
    levels: tuple[float, float]


def judge(heard: Heard, times: Floats) -> Verdict:
    """Compare the K strongest moments of each envelope with K event times in seconds, ascending."""
    duration = len(heard.onset) / RATE
    times = times[(times > _END_S) & (times < duration - _END_S)]
    missed, stray, hits, levels = [], [], 0, []
    for envelope in heard.envelopes:
        peaks = strongest(envelope, len(times), _APART_S * RATE)
        levels.append(min((envelope[peak] for peak in peaks), default=float(envelope.max(initial=0.0))))
        near = np.abs(times[:, None] - np.array(peaks, np.float64)[None] / RATE) <= TOLERANCE_S
        met = np.asarray(near.any(axis=1))
        missed += times[~met].tolist()
        stray += [
            peak / RATE for peak, at_event in zip(peaks, np.asarray(near.any(axis=0)), strict=True) if not at_event
        ]
        hits += int(met.sum())
    return Verdict(np.unique(missed), np.unique(stray), hits, (levels[0], levels[1]))


def gain(heard: Heard, times: Floats, first_s: float, last_s: float, levels: tuple[float, float]) -> float:
    """How well a stretch of music fits its events, by fixed levels: what stands out at events less what does elsewhere.

    Args:
        heard: the music.
        times: of all events, seconds.
        first_s, last_s: the stretch.
        levels: of each envelope, from which on something stands out; see Verdict.
    """
    at = np.arange(len(heard.onset)) / RATE
    inside = times[(times >= first_s) & (times < last_s)]
    near = np.abs(at[:, None] - inside[None]).min(axis=1) if len(inside) else np.full(len(at), np.inf)
    within = (at >= first_s) & (at < last_s)
    total = 0.0
    for envelope, level in zip(heard.envelopes, levels, strict=True):
        loudest = [float(envelope[np.abs(at - time) <= _REACH_S].max(initial=0.0)) for time in inside]
        elsewhere = float(envelope[within & (near > TOLERANCE_S)].max(initial=0.0))
        total += sum(np.tanh(2 * (loud / max(level, 1e-9) - 1)) for loud in loudest)
        total -= float(np.tanh(2 * (elsewhere / max(level, 1e-9) - 1)))
    return total


def strongest(values: Floats, count: int, apart: float) -> list[int]:
    """Indices of the ``count`` highest local maxima of values (T,), or of all; ``apart`` or more from one another."""
    inner = values[1:-1]
    local = np.flatnonzero((inner > values[:-2]) & (inner >= values[2:])) + 1
    chosen: list[int] = []
    for peak in local[np.argsort(-values[local], kind="stable")]:
        if len(chosen) == count:
            break
        if all(abs(peak - other) >= apart for other in chosen):
            chosen.append(int(peak))
    return chosen
