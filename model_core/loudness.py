"""Loudness measurement and normalization (ITU-R BS.1770, EBU R 128), and a true-peak limiter."""

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
_CELL: Final = 32  # samples that share one value of the limiter's gain, before interpolation
_MARGIN: Final = 16  # reach of the interpolation filter on either side, in samples
_MOST_OVERSHOOT: Final = 3.0  # upper bound of the filter's gain
_LOOKAHEAD_S: Final = 0.0025
_HOLD_S: Final = 0.0125  # half a period of 40 Hz, so that the gain is constant between the peaks of a bass note
_RELEASE_DB_S: Final = 120.0  # fast enough to keep the body of a drum hit
_LEAST_S: Final = 0.4  # one gating block of BS.1770
_SILENT_LUFS: Final = -70.0  # absolute gate of BS.1770
_TOLERANCE_LU: Final = 0.3
_PASSES: Final = 3
_MOST_MAKE_UP_DB: Final = 3.0
_MOST_REDUCTION_DB: Final = 6.0
_RARE_REDUCTION_DB: Final = 9.0
_RARE: Final = 0.985
_STROKE_S: Final = 0.1


def integrated_lufs(audio: Audio, sample_rate: int) -> float:
    """Integrated loudness of (C, N) audio, LUFS; -inf below the gate of -70 LUFS and for less than 0.4 s."""
    if audio.shape[1] < _LEAST_S * sample_rate or not np.abs(audio).max() > 10 ** (_SILENT_LUFS / 20):
        return float("-inf")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # mean of no blocks, where all are below the gate
        loudness = float(pyloudnorm.Meter(sample_rate).integrated_loudness(audio.T.astype(np.float64)))
    return loudness if loudness > _SILENT_LUFS else float("-inf")


def true_peak_dbtp(audio: Audio, sample_rate: int) -> float:
    """True peak, measured at four times the sample rate, dBTP; -inf for silence."""
    highest = float(np.abs(audio).max(initial=0.0))
    peak = float(_peaks(audio, highest).max(initial=0.0))
    return 20 * float(np.log10(peak)) if peak > 0 else float("-inf")


def normalize(
    audio: Audio, sample_rate: int, target_lufs: float = TARGET_LUFS, ceiling_dbtp: float = CEILING_DBTP
) -> Audio:
    """Bring (C, N) audio to a target loudness with true peaks below a ceiling, by one gain and a limiter.

    More gain makes up for the loudness that the limiter removes. But the limiter lowers peaks by at most 6 dB, and the
    few
    highest by 9 dB: music with high peaks stays below the target instead of losing its dynamics. Silence, and audio
    shorter than 0.4 s, is changed only where it exceeds the ceiling.
    """
    loudness = integrated_lufs(audio, sample_rate)
    needed_db = target_lufs - loudness if np.isfinite(loudness) else 0.0
    peaks_db = _decibels(_peaks(audio, 10 ** ((ceiling_dbtp - needed_db - _MOST_MAKE_UP_DB) / 20)))
    most_db = min(needed_db + _MOST_MAKE_UP_DB, ceiling_dbtp - _height(peaks_db, sample_rate))
    gain_db = min(needed_db, most_db) if np.isfinite(loudness) else 0.0
    for _ in range(_PASSES):
        result = _limit(audio, peaks_db, gain_db, sample_rate, ceiling_dbtp)
        missing = target_lufs - integrated_lufs(result, sample_rate) if np.isfinite(loudness) else 0.0
        if missing < _TOLERANCE_LU or gain_db >= most_db:
            break
        gain_db = min(gain_db + 1.5 * missing, most_db)
    # The changes of the gain add far less than 0.1 dB between samples.
    left_over = true_peak_dbtp(result, sample_rate) - ceiling_dbtp
    return result if left_over <= 0 else _amplify(result, -left_over)


def _height(peaks_db: NDArray[np.float64], sample_rate: int) -> float:
    """Lowest allowed ceiling, dB: 6 below the peaks, except for one drum stroke in 70, which may lose 9."""
    stroke = max(1, round(_STROKE_S * sample_rate / _CELL))
    strokes = np.pad(peaks_db, (0, -len(peaks_db) % stroke), constant_values=-np.inf).reshape(-1, stroke).max(axis=1)
    if not len(strokes):
        return -np.inf
    usual = np.quantile(strokes, _RARE, method="higher")
    return float(max(usual - _MOST_REDUCTION_DB, strokes.max() - _RARE_REDUCTION_DB))


def limit_samples(audio: Audio, sample_rate: int, ceiling_db: float) -> Audio:
    """Limit the samples of (C, N) audio to a ceiling, dBFS; audio far below it is unchanged."""
    return _limit(audio, _decibels(_cells(np.abs(audio).max(axis=0))), 0.0, sample_rate, ceiling_db)


def _limit(audio: Audio, peaks_db: NDArray[np.float64], gain_db: float, sample_rate: int, ceiling_dbtp: float) -> Audio:
    """Multiply audio by a gain that falls smoothly before each peak and recovers after it.

    The gain is computed for cells, shape (cells,), and interpolated linearly between their centers.
    """
    excess = np.maximum(peaks_db + gain_db - ceiling_dbtp, 0.0)
    if not excess.any():
        return audio if gain_db == 0 else _amplify(audio, gain_db)
    hold = round(_HOLD_S * sample_rate / _CELL)
    held = maximum_filter1d(excess, 2 * hold + 1, mode="constant", origin=hold)
    slope = np.arange(len(held)) * (_RELEASE_DB_S * _CELL / sample_rate)
    falling = np.maximum.accumulate(held + slope) - slope
    reach = max(1, round(_LOOKAHEAD_S * sample_rate / _CELL))
    # The maximum over a window, averaged over a window that is smaller by the span between two centers, is never below
    # the reduction that a peak in it needs.
    reduction = uniform_filter1d(
        maximum_filter1d(falling, 2 * reach + 3, mode="nearest"), 2 * reach + 1, mode="nearest"
    )
    centers = _CELL * np.arange(len(reduction)) + (_CELL - 1) / 2
    gain = np.interp(np.arange(audio.shape[1]), centers, 10 ** ((gain_db - reduction) / 20))
    return np.asarray(audio * gain.astype(np.float32), np.float32)


def _amplify(audio: Audio, gain_db: float) -> Audio:
    return np.asarray(audio * np.float32(10 ** (gain_db / 20)), np.float32)


def _decibels(level: NDArray[np.float32]) -> NDArray[np.float64]:
    return 20 * np.log10(np.maximum(level, 1e-9, dtype=np.float64))


def _cells(magnitudes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Maximum of each cell's magnitudes, (N,) -> (ceil(N / _CELL),)."""
    padded = np.pad(magnitudes, (0, -len(magnitudes) % _CELL))
    return np.asarray(padded.reshape(-1, _CELL).max(axis=1), np.float32)


def _peaks(audio: Audio, floor: float) -> NDArray[np.float32]:
    """Highest magnitude in each cell over all channels, shape (ceil(N / _CELL),).

    Peaks between samples are costly, so they are computed only where the result could exceed ``floor``.
    """
    channels, length = audio.shape
    if not length:
        return np.zeros(0, np.float32)
    blocks = -(-length // _BLOCK)
    padded = np.zeros((channels, blocks * _BLOCK + 2 * _MARGIN), np.float32)
    padded[:, _MARGIN : _MARGIN + length] = audio
    magnitudes = np.abs(padded).max(axis=0)
    peaks = _cells(magnitudes[_MARGIN : _MARGIN + blocks * _BLOCK]).reshape(blocks, _BLOCK // _CELL)
    spans = np.lib.stride_tricks.sliding_window_view(magnitudes, _BLOCK + 2 * _MARGIN)[::_BLOCK]
    loud = np.flatnonzero(spans.max(axis=1) * _MOST_OVERSHOOT > floor)
    if len(loud):
        views = np.lib.stride_tricks.sliding_window_view(padded, _BLOCK + 2 * _MARGIN, axis=1)[:, ::_BLOCK][:, loud]
        dense = np.abs(resample_poly(views, _OVERSAMPLING, 1, axis=2))
        inner = dense[:, :, _OVERSAMPLING * _MARGIN : _OVERSAMPLING * (_MARGIN + _BLOCK)]
        between = inner.reshape(channels, len(loud), _BLOCK // _CELL, _OVERSAMPLING * _CELL).max(axis=(0, 3))
        peaks[loud] = np.maximum(peaks[loud], between)
    return np.asarray(peaks.reshape(-1)[: -(-length // _CELL)], np.float32)
