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
_CELL: Final = 32  # samples that share one value of the limiter's gain, before it is drawn through
_MARGIN: Final = 16  # samples that the interpolation filter reaches to either side
_MOST_OVERSHOOT: Final = 3.0  # the filter's gain for the worst of all signals is lower
_LOOKAHEAD_S: Final = 0.0025
_HOLD_S: Final = 0.0125  # half a wave of 40 Hz: between the peaks of a bass note the gain stands still
_RELEASE_DB_S: Final = 120.0  # fast enough to leave a hit its body
_LEAST_S: Final = 0.4  # one gating block of BS.1770
_SILENT_LUFS: Final = -70.0  # its absolute gate
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

    What the limiter takes from the loudness is made up for, but it takes no more than 6 dB off a peak, and 9 off the
    few highest: very peaky music stays below the target rather than lose its dynamics. Silence is returned as it is,
    and so is audio shorter than 0.4 s, unless it exceeds the ceiling.
    """
    loudness = integrated_lufs(audio, sample_rate)
    wanted_db = target_lufs - loudness if np.isfinite(loudness) else 0.0
    peaks_db = _decibels(_peaks(audio, 10 ** ((ceiling_dbtp - wanted_db - _MOST_MAKE_UP_DB) / 20)))
    most_db = min(wanted_db + _MOST_MAKE_UP_DB, ceiling_dbtp - _height(peaks_db, sample_rate))
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


def _height(peaks_db: NDArray[np.float64], sample_rate: int) -> float:
    """What the ceiling must not fall below, dB: 6 below the peaks, but for one stroke in 70, which may lose 9."""
    stroke = max(1, round(_STROKE_S * sample_rate / _CELL))
    strokes = np.pad(peaks_db, (0, -len(peaks_db) % stroke), constant_values=-np.inf).reshape(-1, stroke).max(axis=1)
    if not len(strokes):
        return -np.inf
    usual = np.quantile(strokes, _RARE, method="higher")
    return float(max(usual - _MOST_REDUCTION_DB, strokes.max() - _RARE_REDUCTION_DB))


def held_below(audio: Audio, sample_rate: int, ceiling_db: float) -> Audio:
    """(C, N) audio with its samples limited to a ceiling, dBFS; unchanged where they are far below it."""
    return _limited(audio, _decibels(_cells(np.abs(audio).max(axis=0))), 0.0, sample_rate, ceiling_db)


def _limited(
    audio: Audio, peaks_db: NDArray[np.float64], gain_db: float, sample_rate: int, ceiling_dbtp: float
) -> Audio:
    """Audio times a gain that falls just before each peak, too smoothly for a click, and recovers after it.

    The gain is worked out a cell at a time, shape (cells,), and drawn as lines between their centres.
    """
    excess = np.maximum(peaks_db + gain_db - ceiling_dbtp, 0.0)
    if not excess.any():
        return audio if gain_db == 0 else _amplified(audio, gain_db)
    hold = round(_HOLD_S * sample_rate / _CELL)
    held = maximum_filter1d(excess, 2 * hold + 1, mode="constant", origin=hold)
    slope = np.arange(len(held)) * (_RELEASE_DB_S * _CELL / sample_rate)
    falling = np.maximum.accumulate(held + slope) - slope
    reach = max(1, round(_LOOKAHEAD_S * sample_rate / _CELL))
    # The maximum over a window, averaged over one that is smaller by what the line between two centres spans, is
    # nowhere below what a peak in it needs.
    reduction = uniform_filter1d(
        maximum_filter1d(falling, 2 * reach + 3, mode="nearest"), 2 * reach + 1, mode="nearest"
    )
    centres = _CELL * np.arange(len(reduction)) + (_CELL - 1) / 2
    gain = np.interp(np.arange(audio.shape[1]), centres, 10 ** ((gain_db - reduction) / 20))
    return np.asarray(audio * gain.astype(np.float32), np.float32)


def _amplified(audio: Audio, gain_db: float) -> Audio:
    return np.asarray(audio * np.float32(10 ** (gain_db / 20)), np.float32)


def _decibels(level: NDArray[np.float32]) -> NDArray[np.float64]:
    return 20 * np.log10(np.maximum(level, 1e-9, dtype=np.float64))


def _cells(magnitudes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Highest of each cell's magnitudes, (N,) -> (ceil(N / _CELL),)."""
    padded = np.pad(magnitudes, (0, -len(magnitudes) % _CELL))
    return np.asarray(padded.reshape(-1, _CELL).max(axis=1), np.float32)


def _peaks(audio: Audio, floor: float) -> NDArray[np.float32]:
    """Highest magnitude in each cell over all channels, shape (ceil(N / _CELL),).

    Between the samples it looks only where the result could exceed ``floor``: that is the costly part.
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
