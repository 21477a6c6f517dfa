"""Features of a piece of music, from the audio alone: onset strength, novelty, onsets, beats, downbeats and tempo."""

from dataclasses import dataclass
from typing import Final

import librosa
import numpy as np
from numpy.typing import NDArray

from model_core.sync.missed_events import strongest_peak_indices

Floats = NDArray[np.float64]

HOP_S: Final = 0.01
PEAK_DISTANCE_S: Final = 0.3
NOVELTY_WINDOW_S: Final = 0.25
SPECTRUM_SAMPLES: Final = 2048


@dataclass(frozen=True)
class Envelope:
    """Strength of events in sound: `values[i]` at `i / rate` seconds, never negative."""

    values: Floats
    rate: float

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.values) / self.rate


def onset_envelope(audio: NDArray[np.float32], sample_rate: int) -> Envelope:
    """librosa's onset strength of `audio` (channels, N), mixed to mono, every 10 ms."""
    hop = round(HOP_S * sample_rate)
    strength = librosa.onset.onset_strength(y=audio.mean(0), sr=sample_rate, hop_length=hop)
    return Envelope(strength.astype(np.float64), sample_rate / hop)


def novelty_envelope(audio: NDArray[np.float32], sample_rate: int) -> Envelope:
    """Difference of timbre and harmony between the quarter seconds before and after, every 10 ms.

    It shows changes of texture without a prominent note, which onset strength misses.
    """
    hop = round(HOP_S * sample_rate)
    mono = audio.mean(0)
    mel = librosa.feature.melspectrogram(y=mono, sr=sample_rate, n_fft=SPECTRUM_SAMPLES, hop_length=hop, n_mels=64)
    chroma = librosa.feature.chroma_stft(y=mono, sr=sample_rate, n_fft=SPECTRUM_SAMPLES, hop_length=hop, tuning=0.0)
    # Makes both blocks comparable: decibels span about 80, chroma is in 0..1.
    features = np.concatenate([librosa.power_to_db(mel, ref=1.0, amin=1e-6) / 20, chroma]).T.astype(np.float64)
    # librosa pads with silence: replace the outermost spectra by their neighbors.
    edge = -(-SPECTRUM_SAMPLES // (2 * hop))
    features = features[np.clip(np.arange(len(features)), edge, max(edge, len(features) - 1 - edge))]
    window = max(1, round(NOVELTY_WINDOW_S * sample_rate / hop))
    padded = np.pad(features, ((window, window), (0, 0)), mode="edge")
    sums = np.concatenate([np.zeros((1, padded.shape[1])), np.cumsum(padded, 0)])
    center = np.arange(len(features)) + window
    after, before = sums[center + window] - sums[center], sums[center] - sums[center - window]
    return Envelope(np.linalg.norm(after - before, axis=1) / window, sample_rate / hop)


def strongest_peak_times(envelope: Envelope, k: int, min_distance_s: float = PEAK_DISTANCE_S) -> Floats:
    """Times of the k highest local maxima, or all, at least `min_distance_s` apart; seconds, ascending."""
    chosen = strongest_peak_indices(envelope.values, k, min_distance_s * envelope.rate)
    return np.sort(np.array(chosen, np.float64)) / envelope.rate


BEATS_PER_BAR: Final = 4
LOW_BAND_HZ: Final = 150.0
SILENCE: Final = 1e-4
"""Peak amplitude below which audio counts as silent: -80 dBFS."""
_NEAR_S: Final = 0.06


@dataclass(frozen=True)
class SoundFeatures:
    """Features of one piece of music.

    Attributes:
        duration: seconds.
        onset, novelty: envelopes.
        onsets, beats, downbeats: times in seconds, ascending.
        tempo_bpm: beats per minute; 0 without a beat.
    """

    duration: float
    onset: Envelope
    novelty: Envelope
    onsets: Floats
    beats: Floats
    downbeats: Floats
    tempo_bpm: float


def analyze_sound(audio: NDArray[np.float32], sample_rate: int) -> SoundFeatures:
    """Measure audio of shape (channels, N). All bars are assumed to have four beats, even in a waltz."""
    onset, novelty = onset_envelope(audio, sample_rate), novelty_envelope(audio, sample_rate)
    duration = audio.shape[1] / sample_rate
    if float(np.abs(audio).max(initial=0.0)) < SILENCE:
        nothing = np.zeros(0)
        return SoundFeatures(duration, onset, novelty, nothing, nothing, nothing, 0.0)
    hop = round(sample_rate / onset.rate)
    frames = librosa.onset.onset_detect(onset_envelope=onset.values, sr=sample_rate, hop_length=hop)
    tempo, beat_frames = librosa.beat.beat_track(onset_envelope=onset.values, sr=sample_rate, hop_length=hop)
    beats = np.asarray(beat_frames) / onset.rate
    low = _low_band(audio, sample_rate)
    return SoundFeatures(
        duration,
        onset,
        novelty,
        onsets=np.asarray(frames) / onset.rate,
        beats=beats,
        downbeats=downbeats(beats, (low, novelty)),
        tempo_bpm=float(np.atleast_1d(tempo)[0]) if len(beats) else 0.0,
    )


def downbeats(beats: Floats, envelopes: tuple[Envelope, ...]) -> Floats:
    """Every fourth beat, at the phase with the highest envelopes, each relative to its mean."""
    if len(beats) < BEATS_PER_BAR:
        return np.zeros(0)
    strength = np.zeros(len(beats))
    for envelope in envelopes:
        mean = float(envelope.values.mean())
        if mean > 0:
            strength += np.array([_near(envelope, beat) for beat in beats]) / mean
    phases = [float(strength[phase::BEATS_PER_BAR].mean()) for phase in range(BEATS_PER_BAR)]
    return beats[int(np.argmax(phases)) :: BEATS_PER_BAR]


def _near(envelope: Envelope, second: float) -> float:
    first, last = (max(0, round((second + side * _NEAR_S) * envelope.rate)) for side in (-1, 1))
    return float(envelope.values[first : last + 1].max(initial=0.0))


def _low_band(audio: NDArray[np.float32], sample_rate: int) -> Envelope:
    """Onset strength below LOW_BAND_HZ, of kick drum and bass."""
    hop = round(0.01 * sample_rate)
    mel = librosa.feature.melspectrogram(
        y=audio.mean(0), sr=sample_rate, n_fft=4096, hop_length=hop, n_mels=4, fmin=20.0, fmax=LOW_BAND_HZ
    )
    strength = librosa.onset.onset_strength(S=librosa.power_to_db(mel), sr=sample_rate, hop_length=hop)
    return Envelope(strength.astype(np.float64), sample_rate / hop)
