"""How much happens in the sound, when: onset strength, novelty, and their strongest peaks."""

from dataclasses import dataclass
from typing import Final

import librosa
import numpy as np
from numpy.typing import NDArray

from model_core.sync.event_matching import strongest_peaks as strongest_indices

Floats = NDArray[np.float64]

HOP_S: Final = 0.01
PEAK_DISTANCE_S: Final = 0.3
NOVELTY_WINDOW_S: Final = 0.25
SPECTRUM_SAMPLES: Final = 2048


@dataclass(frozen=True)
class Envelope:
    """How much happens in the sound: `values[i]` at `i / rate` seconds, never negative."""

    values: Floats
    rate: float

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.values) / self.rate


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
    chosen = strongest_indices(envelope.values, k, min_distance_s * envelope.rate)
    return np.sort(np.array(chosen, np.float64)) / envelope.rate
