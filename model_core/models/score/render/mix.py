"""Stems -> stereo: levels, panorama, width, a convolution reverb and the noise riser, by the mix of the style."""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import butter, sosfilt

from model_core.audio.loudness import held_below
from model_core.models.score.codec.notes import Note
from model_core.models.score.render.mix_presets import Room, Strip, mix_of
from model_core.models.score.render.program_levels import TRIM_DB

Audio = NDArray[np.float32]


_RISER_LEVEL: Final = 0.05
_RISER_SEND: Final = 0.3
_WIDTH_DELAY_S: Final = 0.0113
_LOWEST_HZ: Final = 20.0
_AIR_HZ: Final = 4000.0
_DRUM_PEAK_DB: Final = 0.0
"""Where the drums' peaks end: strokes that fall together would else take the limiter's room from everything else."""
_FIRST_REFLECTIONS: Final = 9


def mix(
    stems: dict[str, Audio],
    trims_db: dict[str, float],
    riser: Audio,
    sample_rate: int,
    seed: int,
    style: str | None = None,
) -> Audio:
    """The wet stereo mix, shape (2, N), not normalised.

    Args:
        stems: a role each, shape (2, N).
        trims_db: gain of each role, dB, see trims_of.
        riser: level of the noise riser, shape (M,), M <= N unless there are no stems.
        sample_rate: Hz.
        seed: of the riser's noise.
        style: whose mix to use, see mix_of.
    """
    strips, room, air_db = mix_of(style)
    length = max([stem.shape[1] for stem in stems.values()], default=len(riser))
    dry, send = np.zeros((2, length), np.float32), np.zeros((2, length), np.float32)
    for role, stem in stems.items():
        placed = _placed(stem, strips[role], trims_db[role], sample_rate)
        if role == "drums":
            placed = held_below(placed, sample_rate, _DRUM_PEAK_DB)
        dry += placed
        send += np.float32(strips[role].send) * placed
    if riser.any():
        noise = _riser_noise(riser, seed)
        dry[:, : len(riser)] += noise
        send[:, : len(riser)] += np.float32(_RISER_SEND) * noise
    return _toned(dry + _reverberated(send, room, sample_rate), air_db, sample_rate)


def trims_of(notes: list[Note]) -> dict[str, float]:
    """Gain of each role that plays, dB, from its program's measured loudness."""
    return {note.role: TRIM_DB[note.role][note.program] for note in notes}


def dry_mix(stems: dict[str, Audio], trims_db: dict[str, float], style: str | None = None) -> Audio:
    """A mono mix without reverb, shape (N,), for the training curves: cheap, and close to the wet one's."""
    strips = mix_of(style).strips
    total = sum(_gain(strips[role].level_db + trims_db[role]) * stem.mean(axis=0) for role, stem in stems.items())
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


def _toned(audio: Audio, air_db: float, sample_rate: int) -> Audio:
    """A shelf at _AIR_HZ, and nothing below 20 Hz: some synth pads carry a constant that would cost headroom."""
    pole = np.exp(-2 * np.pi * _LOWEST_HZ / sample_rate)
    warped, air = np.tan(np.pi * _AIR_HZ / sample_rate), 10 ** (air_db / 20)
    shelf = np.array([air + warped, warped - air]) / (1 + warped)
    numerator = np.convolve(shelf, [1, -1])
    denominator = np.convolve([1, (warped - 1) / (warped + 1)], [1, -pole])
    section = np.concatenate([numerator, denominator])[None].astype(np.float32)
    return np.asarray(sosfilt(section, audio, axis=1), np.float32)


def _reverberated(send: Audio, room: Room, sample_rate: int) -> Audio:
    response = _impulse_response(room, sample_rate)
    size = next_fast_len(send.shape[1] + response.shape[1], real=True)
    spectrum = rfft(send, size, axis=1, workers=2)
    spectrum *= rfft(response, size, axis=1, workers=2)
    return np.asarray(irfft(spectrum, size, axis=1, workers=2, overwrite_x=True)[:, : send.shape[1]], np.float32)


@cache
def _impulse_response(room: Room, sample_rate: int) -> Audio:
    """A room, shape (2, M): a few reflections, then noise that darkens as it dies. Unit energy on either side.

    It starts at 200 Hz: what lies below would only blur the bass.
    """
    rng = np.random.default_rng(5)
    length = round(5 * room.decay_s * sample_rate)
    time = np.arange(length) / sample_rate
    noise = rng.normal(size=(2, length))
    bright = sosfilt(butter(2, room.bright_hz, fs=sample_rate, output="sos"), noise) * np.exp(
        -2.5 * time / room.decay_s
    )
    dark = sosfilt(butter(2, room.dark_hz, fs=sample_rate, output="sos"), noise) * np.exp(-time / room.decay_s)
    tail = (bright + 1.6 * dark) * np.minimum(1.0, time / (room.size_s / 1.5))
    for side in tail:
        at = rng.uniform(0.0, room.size_s, _FIRST_REFLECTIONS)
        places = np.round(at * sample_rate).astype(int)
        side[places] += rng.choice([-1.0, 1.0], len(places)) * 9.0 * np.exp(-at / (room.size_s / 1.5))
    tail *= np.minimum(1.0, (length - np.arange(length)) / (0.1 * length))
    thin = sosfilt(butter(2, 200, "highpass", fs=sample_rate, output="sos"), tail)
    delayed = np.pad(thin, ((0, 0), (round(room.predelay_s * sample_rate), 0)))
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
