"""Music encoder of log-mel and chroma features at 25 Hz; no weights."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from model_core.curves.event_curve import EventCurve, event_curve
from model_core.encoders.registry import MUSIC_ENCODERS, EncoderEntry, resample_mono

SAMPLE_RATE: Final = 22050
FRAME_RATE: Final = 25
_HOP: Final = SAMPLE_RATE // FRAME_RATE
_FFT: Final = 2048
_MELS: Final = 64
_POOL: Final = 6  # frames on either side: 0.24 s, about a sixteenth note and its attack
_WINDOW_S: Final = 0.2
_STD_FLOOR: Final = 0.01
_BIAS: Final = 16.0
_BLOCK: Final = 2048


class LogMelChroma:
    """Features of 64 log-mel bands, 12 pitch classes and one constant.

    The constant keeps the angle between nearly silent frames, which is noise, close to zero.
    """

    name: Final = "logmel-chroma"

    def __init__(self) -> None:
        frequencies = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
        edges = _hz(np.linspace(_mel(40.0), _mel(10000.0), _MELS + 2))
        low, mid, high = edges[:-2], edges[1:-1], edges[2:]
        rising = (frequencies[:, None] - low) / (mid - low)
        falling = (high - frequencies[:, None]) / (high - mid)
        self._mel = np.clip(np.minimum(rising, falling), 0, None).astype(np.float32)
        pitch_class = np.round(69 + 12 * np.log2(np.maximum(frequencies, 1.0) / 440)).astype(int) % 12
        audible = (frequencies > 60) & (frequencies < 4000)
        self._chroma = ((pitch_class[:, None] == np.arange(12)) & audible[:, None]).astype(np.float32)
        self._window = np.hanning(_FFT + 1)[:-1].astype(np.float32)

    def embed(self, audio: NDArray[np.float32], sample_rate: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Features of mono (N,) or multi-channel (C, N) audio.

        Returns:
            Features, shape (T, 77), and the time of each frame's center in seconds, shape (T,).
        """
        mono = resample_mono(audio, sample_rate, SAMPLE_RATE)
        frames = max(1, -(-len(mono) // _HOP))
        if len(mono) < _FFT:
            mono = np.pad(mono, (0, _FFT - len(mono)))
        # Windows that would reach beyond an end are moved inside: an end is not an event.
        first = np.clip(np.arange(frames) * _HOP - _FFT // 2, 0, len(mono) - _FFT)
        windows = np.lib.stride_tricks.sliding_window_view(mono, _FFT)
        blocks = [self._features(windows[first[at : at + _BLOCK]]) for at in range(0, frames, _BLOCK)]
        return np.concatenate(blocks), np.arange(frames) / FRAME_RATE

    def _features(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        magnitude = np.abs(rfft(windows * self._window, axis=1)).astype(np.float32)
        mel = np.log1p(20 * (magnitude @ self._mel))
        chroma = np.sqrt(magnitude @ self._chroma)
        loudness = np.minimum(1, mel.mean(axis=1, keepdims=True))
        chroma *= loudness / (np.linalg.norm(chroma, axis=1, keepdims=True) + 1e-3)
        bias = np.full((len(mel), 1), _BIAS, np.float32)
        return np.concatenate([mel / 8, chroma, bias], axis=1)

    def curve(self, audio: NDArray[np.float32], sample_rate: int) -> EventCurve:
        """Event curve of music, mono (N,) or (C, N): 25 values a second, smoothed over 0.2 s."""
        features, times = self.embed(audio, sample_rate)
        return event_curve(features, times, self.name, pool=_POOL, window=_WINDOW_S, std_floor=_STD_FLOOR)


def _mel(hz: float) -> float:
    return float(2595 * np.log10(1 + hz / 700))


def _hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(700 * (10 ** (mel / 2595) - 1))


MUSIC_ENCODERS.register(LogMelChroma.name, EncoderEntry(lambda weights, device: LogMelChroma()))
