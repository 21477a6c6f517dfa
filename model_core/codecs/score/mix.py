"""Stems -> stereo: levels, panorama, width, a small convolution reverb and the noise riser."""

from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import butter, lfilter, sosfilt

from model_core.codecs.score.levels import TRIM_DB
from model_core.codecs.score.notes import Note

Audio = NDArray[np.float32]


class Strip(NamedTuple):
    """A role's channel strip: level in dB, pan -1 (left) .. 1, width 0..1, and its share in the reverb."""

    level_db: float
    pan: float
    width: float
    send: float


STRIPS: Final = {
    "bass": Strip(-3.0, 0.0, 0.0, 0.04),
    "chords": Strip(-4.0, -0.12, 0.4, 0.24),
    "lead": Strip(0.0, 0.1, 0.12, 0.26),
    "arp": Strip(-5.0, 0.3, 0.3, 0.22),
    "drums": Strip(-2.5, 0.0, 0.1, 0.1),
    "impact": Strip(0.0, 0.0, 0.15, 0.3),
}
_RISER_LEVEL: Final = 0.05
_RISER_SEND: Final = 0.3
_WIDTH_DELAY_S: Final = 0.0113
_LOWEST_HZ: Final = 20.0
_REVERB_S: Final = 2.0
_PREDELAY_S: Final = 0.014
_FIRST_REFLECTIONS: Final = 9


def mix(stems: dict[str, Audio], trims_db: dict[str, float], riser: Audio, sample_rate: int, seed: int) -> Audio:
    """The wet stereo mix, shape (2, N), not normalised.

    Args:
        stems: a role each, shape (2, N).
        trims_db: gain of each role, dB, see trims_of.
        riser: level of the noise riser, shape (M,), M <= N unless there are no stems.
        sample_rate: Hz.
        seed: of the riser's noise.
    """
    length = max([stem.shape[1] for stem in stems.values()], default=len(riser))
    dry, send = np.zeros((2, length), np.float32), np.zeros((2, length), np.float32)
    for role, stem in stems.items():
        placed = _placed(stem, STRIPS[role], trims_db[role], sample_rate)
        dry += placed
        send += np.float32(STRIPS[role].send) * placed
    if riser.any():
        noise = _riser_noise(riser, seed)
        dry[:, : len(riser)] += noise
        send[:, : len(riser)] += np.float32(_RISER_SEND) * noise
    return _without_dc(dry, sample_rate) + _reverberated(send, sample_rate)


def trims_of(notes: list[Note]) -> dict[str, float]:
    """Gain of each role that plays, dB, from its program's measured loudness."""
    return {note.role: TRIM_DB[note.role][note.program] for note in notes}


def dry_mix(stems: dict[str, Audio], trims_db: dict[str, float]) -> Audio:
    """A mono mix without reverb, shape (N,), for the training curves: cheap, and close to the wet one's."""
    total = sum(_gain(STRIPS[role].level_db + trims_db[role]) * stem.mean(axis=0) for role, stem in stems.items())
    return np.asarray(total, np.float32)


def _gain(decibels: float) -> np.float32:
    return np.float32(10 ** (decibels / 20))


def _placed(stem: Audio, strip: Strip, trim_db: float, sample_rate: int) -> Audio:
    gain = _gain(strip.level_db + trim_db)
    sides = np.array([[np.sqrt(1 - strip.pan)], [np.sqrt(1 + strip.pan)]], np.float32) * gain
    placed = stem * sides
    delay = round(_WIDTH_DELAY_S * sample_rate)
    if strip.width and stem.shape[1] > delay:
        # The same echo with opposite signs: it widens, and a mono downmix loses all of it and nothing else.
        echo = np.float32(strip.width) * gain * stem[:, :-delay].mean(axis=0)
        placed[0, delay:] += echo
        placed[1, delay:] -= echo
    return placed


def _without_dc(audio: Audio, sample_rate: int) -> Audio:
    """One pole at 20 Hz: some synth pads carry a constant that would cost headroom."""
    pole = np.float32(np.exp(-2 * np.pi * _LOWEST_HZ / sample_rate))
    taps = np.array([1, -1], np.float32), np.array([1, -pole], np.float32)
    return np.asarray(lfilter(*taps, audio, axis=1), np.float32)


def _reverberated(send: Audio, sample_rate: int) -> Audio:
    response = _impulse_response(sample_rate)
    size = next_fast_len(send.shape[1] + response.shape[1], real=True)
    spectrum = rfft(send, size, axis=1, workers=2)
    spectrum *= rfft(response, size, axis=1, workers=2)
    return np.asarray(irfft(spectrum, size, axis=1, workers=2, overwrite_x=True)[:, : send.shape[1]], np.float32)


@cache
def _impulse_response(sample_rate: int) -> Audio:
    """A plain room, shape (2, M): a few reflections, then noise that darkens as it dies. Unit energy on either side.

    It starts at 200 Hz: what lies below would only blur the bass.
    """
    rng = np.random.default_rng(5)
    length = round(_REVERB_S * sample_rate)
    time = np.arange(length) / sample_rate
    noise = rng.normal(size=(2, length))
    bright = sosfilt(butter(2, 6500, fs=sample_rate, output="sos"), noise) * np.exp(-time / 0.16)
    dark = sosfilt(butter(2, 2400, fs=sample_rate, output="sos"), noise) * np.exp(-time / 0.4)
    tail = (bright + 1.6 * dark) * np.minimum(1.0, time / 0.03)
    for side in tail:
        at = rng.uniform(0.0, 0.045, _FIRST_REFLECTIONS)
        places = np.round(at * sample_rate).astype(int)
        side[places] += rng.choice([-1.0, 1.0], len(places)) * 9.0 * np.exp(-at / 0.03)
    tail *= np.minimum(1.0, (length - np.arange(length)) / (0.1 * length))
    thin = sosfilt(butter(2, 200, "highpass", fs=sample_rate, output="sos"), tail)
    delayed = np.pad(thin, ((0, 0), (round(_PREDELAY_S * sample_rate), 0)))
    return np.asarray(delayed / np.sqrt((delayed**2).sum(axis=1, keepdims=True)), np.float32)


def _riser_noise(level: Audio, seed: int) -> Audio:
    """White noise that opens from dull to bright while its level climbs, shape (2, M)."""
    active = np.flatnonzero(level)
    first, last = int(active[0]), int(active[-1]) + 1
    rng = np.random.default_rng([seed, 3])
    noise = rng.standard_normal((2, last - first), dtype=np.float32)
    climb = level[first:last]
    dull = sosfilt(np.array([[0.06, 0.06, 0.0, 1.0, -0.88, 0.0]], np.float32), noise, axis=1)
    out = np.zeros((2, len(level)), np.float32)
    out[:, first:last] = _RISER_LEVEL * climb**2 * (2.5 * dull * (1 - climb) + noise * climb)
    return out
