"""Loudness (ITU-R BS.1770, EBU R 128) and a true-peak limiter."""

import warnings
from typing import Final

import numpy as np
import pyloudnorm
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from scipy.signal import resample_poly

Audio = NDArray[np.float32]

TARGET_LUFS: Final = -16.0
CEILING_DBTP: Final = -1.5
_OVERSAMPLING: Final = 4
_BLOCK: Final = 1024
_MARGIN: Final = 16  # samples that the interpolation filter reaches to either side
_MOST_OVERSHOOT: Final = 3.0  # the filter's gain for the worst of all signals is lower
_LOOKAHEAD_S: Final = 0.0025
_RELEASE_DB_S: Final = 120.0  # slow enough not to follow the waves of a bass note, fast enough to leave a hit its body
_LEAST_S: Final = 0.4  # one gating block of BS.1770
_SILENT_LUFS: Final = -70.0  # its absolute gate
_TOLERANCE_LU: Final = 0.3
_PASSES: Final = 3
_MOST_MAKE_UP_DB: Final = 3.0
_MOST_REDUCTION_DB: Final = 6.0


def integrated_lufs(audio: Audio, sample_rate: int) -> float:
    """Integrated loudness of (C, N) audio, LUFS; -inf below the gate of -70 LUFS and for less than 0.4 s."""
    if audio.shape[1] < _LEAST_S * sample_rate or not np.abs(audio).max() > 10 ** (_SILENT_LUFS / 20):
        return float("-inf")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it averages no blocks where all are below the gate
        loudness = float(pyloudnorm.Meter(sample_rate).integrated_loudness(audio.T.astype(np.float64)))
    return loudness if loudness > _SILENT_LUFS else float("-inf")


def true_peak_dbtp(audio: Audio, sample_rate: int) -> float:
    """Highest peak between the samples too, at four times the rate, dBTP; -inf for silence."""
    highest = float(np.abs(audio).max(initial=0.0))
    peak = float(_peaks(audio, highest).max(initial=0.0))
    return 20 * float(np.log10(peak)) if peak > 0 else float("-inf")


def normalise(
    audio: Audio, sample_rate: int, target_lufs: float = TARGET_LUFS, ceiling_dbtp: float = CEILING_DBTP
) -> Audio:
    """(C, N) audio at a loudness, its true peaks below a ceiling: one gain for all, then a limiter.

    What the limiter takes from the loudness is made up for, but it never takes more than 6 dB off a peak: very peaky
    music stays below the target rather than lose its dynamics. Silence is returned as it is, and so is audio shorter
    than 0.4 s, unless it exceeds the ceiling.
    """
    loudness = integrated_lufs(audio, sample_rate)
    wanted_db = target_lufs - loudness if np.isfinite(loudness) else 0.0
    peaks_db = _decibels(_peaks(audio, 10 ** ((ceiling_dbtp - wanted_db - _MOST_MAKE_UP_DB) / 20)))
    most_db = min(wanted_db + _MOST_MAKE_UP_DB, ceiling_dbtp + _MOST_REDUCTION_DB - peaks_db.max(initial=-np.inf))
    gain_db = min(wanted_db, most_db) if np.isfinite(loudness) else 0.0
    for _ in range(_PASSES):
        result = _limited(audio, peaks_db, gain_db, sample_rate, ceiling_dbtp)
        missing = target_lufs - integrated_lufs(result, sample_rate) if np.isfinite(loudness) else 0.0
        if missing < _TOLERANCE_LU or gain_db >= most_db:
            break
        gain_db = min(gain_db + 1.5 * missing, most_db)
    # What the moving gain itself adds between the samples is far below a tenth of a dB.
    left_over = true_peak_dbtp(result, sample_rate) - ceiling_dbtp
    return result if left_over <= 0 else _amplified(result, -left_over)


def _limited(
    audio: Audio, peaks_db: NDArray[np.float64], gain_db: float, sample_rate: int, ceiling_dbtp: float
) -> Audio:
    """Audio times a gain that falls just before each peak, too smoothly for a click, and recovers after it."""
    excess = np.maximum(peaks_db + gain_db - ceiling_dbtp, 0.0)
    if not excess.any():
        return audio if gain_db == 0 else _amplified(audio, gain_db)
    slope = np.arange(len(excess)) * (_RELEASE_DB_S / sample_rate)
    held = np.maximum.accumulate(excess + slope) - slope
    window = 2 * round(_LOOKAHEAD_S * sample_rate) + 1
    # The maximum over a window, averaged over the same window, is nowhere below what a peak in it needs.
    reduction = uniform_filter1d(maximum_filter1d(held, window, mode="nearest"), window, mode="nearest")
    return np.asarray(audio * (10 ** ((gain_db - reduction) / 20)).astype(np.float32), np.float32)


def _amplified(audio: Audio, gain_db: float) -> Audio:
    return np.asarray(audio * np.float32(10 ** (gain_db / 20)), np.float32)


def _decibels(level: NDArray[np.float32]) -> NDArray[np.float64]:
    return 20 * np.log10(np.maximum(level, 1e-9, dtype=np.float64))


def _peaks(audio: Audio, floor: float) -> NDArray[np.float32]:
    """Highest magnitude near each sample over all channels, shape (N,).

    Between the samples it looks only where the result could exceed ``floor``: that is the costly part.
    """
    channels, length = audio.shape
    if not length:
        return np.zeros(0, np.float32)
    blocks = -(-length // _BLOCK)
    padded = np.zeros((channels, blocks * _BLOCK + 2 * _MARGIN), np.float32)
    padded[:, _MARGIN : _MARGIN + length] = audio
    magnitudes = np.abs(padded).max(axis=0)
    peaks = magnitudes[_MARGIN : _MARGIN + blocks * _BLOCK].reshape(blocks, _BLOCK).copy()
    spans = np.lib.stride_tricks.sliding_window_view(magnitudes, _BLOCK + 2 * _MARGIN)[::_BLOCK]
    loud = np.flatnonzero(spans.max(axis=1) * _MOST_OVERSHOOT > floor)
    if len(loud):
        views = np.lib.stride_tricks.sliding_window_view(padded, _BLOCK + 2 * _MARGIN, axis=1)[:, ::_BLOCK][:, loud]
        dense = np.abs(resample_poly(views, _OVERSAMPLING, 1, axis=2))
        inner = dense[:, :, _OVERSAMPLING * _MARGIN : _OVERSAMPLING * (_MARGIN + _BLOCK)]
        for phase in range(_OVERSAMPLING):
            for channel in inner[:, :, phase::_OVERSAMPLING]:
                peaks[loud] = np.maximum(peaks[loud], channel)
    return np.asarray(peaks.reshape(-1)[:length], np.float32)
