"""What is heard in a piece of music, from the audio alone: envelopes, onsets, beats, downbeats and tempo."""

from dataclasses import dataclass
from typing import Final

import librosa
import numpy as np
from numpy.typing import NDArray

from model_core.evaluation.envelopes import Envelope, novelty_envelope, onset_envelope

Floats = NDArray[np.float64]

BEATS_PER_BAR: Final = 4
LOW_BAND_HZ: Final = 150.0
SILENCE: Final = 1e-4
"""Peak amplitude under which nothing is heard: -80 dBFS."""
_NEAR_S: Final = 0.06


@dataclass(frozen=True)
class Heard:
    """One piece of music.

    Attributes:
        duration: seconds.
        onset, novelty: envelopes.
        onsets, beats, downbeats: times in seconds, ascending.
        tempo_bpm: beats per minute, 0 when there is no beat.
    """

    duration: float
    onset: Envelope
    novelty: Envelope
    onsets: Floats
    beats: Floats
    downbeats: Floats
    tempo_bpm: float


def listen(audio: NDArray[np.float32], sample_rate: int) -> Heard:
    """Listen to audio of shape (channels, N). Bars of four beats are assumed: nothing here tells a waltz."""
    onset, novelty = onset_envelope(audio, sample_rate), novelty_envelope(audio, sample_rate)
    duration = audio.shape[1] / sample_rate
    if float(np.abs(audio).max(initial=0.0)) < SILENCE:
        nothing = np.zeros(0)
        return Heard(duration, onset, novelty, nothing, nothing, nothing, 0.0)
    hop = round(sample_rate / onset.rate)
    frames = librosa.onset.onset_detect(onset_envelope=onset.values, sr=sample_rate, hop_length=hop)
    tempo, beat_frames = librosa.beat.beat_track(onset_envelope=onset.values, sr=sample_rate, hop_length=hop)
    beats = np.asarray(beat_frames) / onset.rate
    low = _low_band(audio, sample_rate)
    return Heard(
        duration,
        onset,
        novelty,
        onsets=np.asarray(frames) / onset.rate,
        beats=beats,
        downbeats=downbeats(beats, (low, novelty)),
        tempo_bpm=float(np.atleast_1d(tempo)[0]) if len(beats) else 0.0,
    )


def downbeats(beats: Floats, envelopes: tuple[Envelope, ...]) -> Floats:
    """Every fourth beat, at the phase at which the envelopes, each by its own mean, are highest."""
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
    """Onset strength of what lies under LOW_BAND_HZ: kick drum and bass."""
    hop = round(0.01 * sample_rate)
    mel = librosa.feature.melspectrogram(
        y=audio.mean(0), sr=sample_rate, n_fft=4096, hop_length=hop, n_mels=4, fmin=20.0, fmax=LOW_BAND_HZ
    )
    strength = librosa.onset.onset_strength(S=librosa.power_to_db(mel), sr=sample_rate, hop_length=hop)
    return Envelope(strength.astype(np.float64), sample_rate / hop)
