"""How well sound follows picture, judged from the audio alone; every figure comes with the null it has to beat."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import librosa
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

Floats = NDArray[np.float64]

HOP_S: Final = 0.01
TOLERANCE_S: Final = 0.1
PEAK_DISTANCE_S: Final = 0.3
NOVELTY_WINDOW_S: Final = 0.25
SPECTRUM_SAMPLES: Final = 2048
SHIFT_MIN_S: Final = 0.5


@dataclass(frozen=True)
class Envelope:
    """How much happens in the sound: `values[i]` at `i / rate` seconds, never negative."""

    values: Floats
    rate: float

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.values) / self.rate


@dataclass(frozen=True)
class ShiftNull:
    """The hits of the same music shifted circularly, one figure a shift."""

    hits: NDArray[np.int64]


def onset_envelope(audio: NDArray[np.float32], sample_rate: int) -> Envelope:
    """librosa's onset strength of `audio` (channels, N), mixed to mono, every 10 ms."""
    hop = round(HOP_S * sample_rate)
    strength = librosa.onset.onset_strength(y=audio.mean(0), sr=sample_rate, hop_length=hop)
    return Envelope(strength.astype(np.float64), sample_rate / hop)


def novelty_envelope(audio: NDArray[np.float32], sample_rate: int) -> Envelope:
    """How much timbre and harmony differ between the quarter seconds before and after each 10 ms.

    A change of texture counts here even where no single note stands out, which is what onset strength misses.
    """
    hop = round(HOP_S * sample_rate)
    mono = audio.mean(0)
    mel = librosa.feature.melspectrogram(y=mono, sr=sample_rate, n_fft=SPECTRUM_SAMPLES, hop_length=hop, n_mels=64)
    chroma = librosa.feature.chroma_stft(y=mono, sr=sample_rate, n_fft=SPECTRUM_SAMPLES, hop_length=hop, tuning=0.0)
    # Both blocks get a comparable weight: decibels span about 80, chroma is in 0..1.
    features = np.concatenate([librosa.power_to_db(mel, ref=1.0, amin=1e-6) / 20, chroma]).T.astype(np.float64)
    # The outermost spectra are half silence, as librosa pads them: take their neighbours for them.
    edge = -(-SPECTRUM_SAMPLES // (2 * hop))
    features = features[np.clip(np.arange(len(features)), edge, max(edge, len(features) - 1 - edge))]
    window = max(1, round(NOVELTY_WINDOW_S * sample_rate / hop))
    padded = np.pad(features, ((window, window), (0, 0)), mode="edge")
    sums = np.concatenate([np.zeros((1, padded.shape[1])), np.cumsum(padded, 0)])
    centre = np.arange(len(features)) + window
    after, before = sums[centre + window] - sums[centre], sums[centre] - sums[centre - window]
    return Envelope(np.linalg.norm(after - before, axis=1) / window, sample_rate / hop)


def strongest_peaks(envelope: Envelope, k: int, min_distance_s: float = PEAK_DISTANCE_S) -> Floats:
    """Times in seconds, ascending, of the k highest local maxima `min_distance_s` or more apart, or of all."""
    v = envelope.values
    if len(v) < 3:
        return np.empty(0)
    local = np.flatnonzero((v[1:-1] > v[:-2]) & (v[1:-1] >= v[2:])) + 1
    chosen: list[int] = []
    for i in local[np.argsort(-v[local], kind="stable")]:
        if len(chosen) == k:
            break
        if all(abs(i - j) >= min_distance_s * envelope.rate for j in chosen):
            chosen.append(int(i))
    return np.sort(np.array(chosen, np.float64)) / envelope.rate


def count_hits(peaks: Floats, cuts: Floats, tolerance_s: float = TOLERANCE_S) -> int:
    """The most pairs of one peak and one cut within the tolerance, none used twice."""
    if not len(peaks) or not len(cuts):
        return 0
    # A nanosecond of slack, so that a distance of exactly the tolerance counts whatever the rounding.
    near = np.abs(peaks[:, None] - cuts[None, :]) <= tolerance_s + 1e-9
    return int((maximum_bipartite_matching(csr_array(near), perm_type="column") >= 0).sum())


def f1(hits: int, peaks: int, cuts: int) -> float:
    """Harmonic mean of hits / peaks and hits / cuts; 0 when there is neither."""
    return 2 * hits / (peaks + cuts) if peaks + cuts else 0.0


def circular_shift_null(envelope: Envelope, cuts: Floats, k: int, shifts: int = 200) -> ShiftNull:
    """Hits of the same music at `shifts` circular offsets, evenly spread, at least half a second from the true place.

    Raises:
        ValueError: the music is too short to be shifted by half a second either way.
    """
    frames = len(envelope.values)
    least = int(np.ceil(SHIFT_MIN_S * envelope.rate))
    if frames < 2 * least + 1:
        raise ValueError(f"{envelope.duration:.2f} s of music cannot be shifted by {SHIFT_MIN_S} s either way")
    offsets = np.unique(np.linspace(least, frames - least, shifts).round().astype(int))
    shifted = (Envelope(np.roll(envelope.values, int(offset)), envelope.rate) for offset in offsets)
    return ShiftNull(np.array([count_hits(strongest_peaks(e, k), cuts) for e in shifted]))


def pooled_shift_null(nulls: Sequence[ShiftNull], draws: int = 10_000, seed: int = 0) -> NDArray[np.int64]:
    """`draws` sums of hits over all runs, each run at a random one of its shifts: the null of the pooled count."""
    rng = np.random.default_rng(seed)
    total = np.zeros(draws, np.int64)
    for null in nulls:
        total += rng.choice(null.hits, draws)
    return total


def p_value(observed: float, null: NDArray[np.int64] | Floats) -> float:
    """One-sided: how often chance does at least as well, the observation itself counted in, so never 0."""
    return float((1 + (null >= observed).sum()) / (1 + len(null)))


def salience_auc(envelope: Envelope, cuts: Floats, reach_s: float = 0.08) -> float:
    """The chance that the envelope's maximum within `reach_s` of a cut exceeds that at a random time; .5 is chance.

    Raises:
        ValueError: there are no cuts.
    """
    if not len(cuts):
        raise ValueError("salience needs at least one cut")
    maxima = maximum_filter1d(envelope.values, 2 * round(reach_s * envelope.rate) + 1)
    at = maxima[np.clip(np.round(cuts * envelope.rate).astype(int), 0, len(maxima) - 1)]
    return float(np.mean([(maxima < a).mean() + 0.5 * (maxima == a).mean() for a in at]))
