"""Mix of stems to stereo: levels, panorama, width, reverb and noise riser, with a preset for each style."""

from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import butter, sosfilt

from model_core.loudness import limit_samples
from model_core.models.score.codec.notes import Note
from model_core.models.score.render.program_levels import TRIM_DB


class Strip(NamedTuple):
    """Channel strip of a role: level in dB, pan -1 (left) .. 1, width 0..1, and reverb send 0..1."""

    level_db: float
    pan: float
    width: float
    send: float


class Room(NamedTuple):
    """A reverb.

    Attributes:
        decay_s: time in which the dark part falls by 8.7 dB; the bright part decays 2.5 times as fast.
        bright_hz, dark_hz: upper frequencies of the two parts.
        size_s: time of the last early reflection.
        predelay_s: delay of the reverb.
    """

    decay_s: float
    bright_hz: float
    dark_hz: float
    size_s: float
    predelay_s: float


class Mix(NamedTuple):
    """Strips of the roles, reverb, and gain above about 4 kHz in dB."""

    strips: dict[str, Strip]
    room: Room
    air_db: float


_PLATE: Final = Room(0.4, 6500, 2400, 0.045, 0.014)
_HALL: Final = Room(0.62, 6000, 2600, 0.08, 0.028)
_CATHEDRAL: Final = Room(0.8, 5200, 2200, 0.1, 0.035)
_CHAMBER: Final = Room(0.3, 6000, 2600, 0.035, 0.012)
_CLUB: Final = Room(0.17, 8000, 3500, 0.022, 0.008)
_BOOTH: Final = Room(0.09, 7000, 3200, 0.012, 0.003)
_DUSTY: Final = Room(0.2, 3000, 1500, 0.025, 0.008)

_USUAL: Final = {
    "bass": Strip(-3.0, 0.0, 0.0, 0.04),
    "chords": Strip(-4.0, -0.12, 0.4, 0.24),
    "lead": Strip(0.0, 0.1, 0.12, 0.26),
    "arp": Strip(-5.0, 0.3, 0.3, 0.22),
    "drums": Strip(-2.5, 0.0, 0.1, 0.1),
    "impact": Strip(0.0, 0.0, 0.15, 0.3),
}
DEFAULT: Final = Mix(_USUAL, _PLATE, 0.0)


def _mix(room: Room, wet: float = 1.0, air: float = 0.0, wide: float = 1.0, **gains: float) -> Mix:
    """The usual strips with gains added in dB, all sends times ``wet`` and all widths times ``wide``."""
    strips = {
        role: Strip(strip.level_db + gains.get(role, 0.0), strip.pan, strip.width * wide, strip.send * wet)
        for role, strip in _USUAL.items()
    }
    return Mix(strips, room, air)


# The gains compensate for patterns, registers and programs of the styles: where it plays, the lead should be 1 to 3 dB
# above bass and chords and 4 to 6 dB above the arp, and the drums as usual for the style.
MIXES: Final = {
    "trailer": _mix(_HALL, 1.2, air=5.0, wide=1.2, bass=1, arp=1, drums=0.5, impact=2.5),
    "orchestral": _mix(_HALL, 1.4, air=4.0, wide=1.1, bass=0, arp=1.5, drums=1.5, impact=1.5),
    "tension": _mix(_HALL, 1.3, air=5.0, wide=1.2, bass=0.5, chords=-1, lead=-1.5, arp=1, drums=1, impact=1.5),
    "ambient": _mix(_CATHEDRAL, 1.7, air=2.0, wide=1.0, chords=-3.5, lead=-1, arp=4, drums=-1),
    "piano": _mix(_CHAMBER, 1.0, air=1.5, wide=0.8, arp=3),
    "corporate": _mix(_CHAMBER, 0.9, air=0.0, bass=1, chords=-2, arp=2, drums=-2.5, impact=1.5),
    "comedy": _mix(_CLUB, 0.8, air=0.5, wide=0.9, bass=2.5, chords=2, lead=3, arp=1, drums=1, impact=1.5),
    "synthwave": _mix(_PLATE, 1.1, air=0.0, wide=1.4, bass=3, chords=-3, lead=0.5, arp=3, drums=1.5, impact=1.5),
    "house": _mix(_CLUB, 0.8, air=-1.0, wide=1.3, bass=3.5, chords=-1, lead=1, arp=1, impact=1),
    "hiphop": _mix(_BOOTH, 0.7, air=0.0, wide=0.9, bass=3, chords=-3, lead=1, arp=1, drums=-3, impact=1.5),
    "lofi": _mix(_DUSTY, 0.9, air=-5.0, wide=0.9, bass=2.5, chords=-1.5, lead=1, drums=-1, impact=1.5),
    "chiptune": _mix(_BOOTH, 0.5, air=-1.0, wide=1.3, bass=2.5, chords=1, lead=1, arp=2, impact=2),
    "pop": _mix(_PLATE, 0.8, air=0.0, wide=1.2, bass=2.5, chords=-1, lead=1, arp=2.5, drums=-2, impact=1.5),
    "rock": _mix(_CLUB, 0.9, air=0.0, wide=1.6, bass=1.5, chords=-4, lead=1),
    "funk": _mix(_BOOTH, 0.8, air=-0.5, wide=0.9, bass=3, chords=1, lead=2, arp=1, drums=0, impact=2),
    "jazz": _mix(_CLUB, 1.0, air=-1.0, wide=0.8, bass=2.5, chords=-3, lead=1, drums=-3),
    "acoustic": _mix(_CHAMBER, 0.8, air=0.0, bass=2, drums=1),
    "latin": _mix(_CHAMBER, 0.7, air=-0.5, bass=3.5, chords=2, lead=2, drums=1, impact=1.5),
}  # fmt: skip


def find_mix(style: str | None) -> Mix:
    """Mix of a style; DEFAULT for None and for styles without a preset, as older models may have."""
    return DEFAULT if style is None else MIXES.get(style, DEFAULT)


Audio = NDArray[np.float32]


_RISER_LEVEL: Final = 0.05
_RISER_SEND: Final = 0.3
_WIDTH_DELAY_S: Final = 0.0113
_LOWEST_HZ: Final = 20.0
_AIR_HZ: Final = 4000.0
_DRUM_PEAK_DB: Final = 0.0
"""Limit of the drums' peaks, so that simultaneous strokes do not make the limiter turn everything down."""
_FIRST_REFLECTIONS: Final = 9


def mix(
    stems: dict[str, Audio],
    trims_db: dict[str, float],
    riser: Audio,
    sample_rate: int,
    seed: int,
    style: str | None = None,
) -> Audio:
    """Mix stems to stereo with reverb, shape (2, N), not normalized.

    Args:
        stems: stems by role, shape (2, N).
        trims_db: gain of each role in dB, see find_trims.
        riser: level of the noise riser, shape (M,), M <= N unless there are no stems.
        sample_rate: Hz.
        seed: seed of the riser's noise.
        style: style of the mix, see find_mix.
    """
    strips, room, air_db = find_mix(style)
    length = max([stem.shape[1] for stem in stems.values()], default=len(riser))
    dry, send = np.zeros((2, length), np.float32), np.zeros((2, length), np.float32)
    for role, stem in stems.items():
        placed = _place(stem, strips[role], trims_db[role], sample_rate)
        if role == "drums":
            placed = limit_samples(placed, sample_rate, _DRUM_PEAK_DB)
        dry += placed
        send += np.float32(strips[role].send) * placed
    if riser.any():
        noise = _riser_noise(riser, seed)
        dry[:, : len(riser)] += noise
        send[:, : len(riser)] += np.float32(_RISER_SEND) * noise
    return _shape_tone(dry + _add_reverb(send, room, sample_rate), air_db, sample_rate)


def find_trims(notes: list[Note]) -> dict[str, float]:
    """Gain of each role that plays in dB, from the measured loudness of its program."""
    return {note.role: TRIM_DB[note.role][note.program] for note in notes}


def dry_mix(stems: dict[str, Audio], trims_db: dict[str, float], style: str | None = None) -> Audio:
    """Mix to mono without reverb, shape (N,), for curves: fast, with a curve close to that of the full mix."""
    strips = find_mix(style).strips
    total = sum(_gain(strips[role].level_db + trims_db[role]) * stem.mean(axis=0) for role, stem in stems.items())
    return np.asarray(total, np.float32)


def _gain(decibels: float) -> np.float32:
    return np.float32(10 ** (decibels / 20))


def _place(stem: Audio, strip: Strip, trim_db: float, sample_rate: int) -> Audio:
    gain = _gain(strip.level_db + trim_db)
    sides = np.array([[np.sqrt(1 - strip.pan)], [np.sqrt(1 + strip.pan)]], np.float32) * gain
    placed = stem * sides
    delay = round(_WIDTH_DELAY_S * sample_rate)
    if strip.width and stem.shape[1] > delay:
        # The same echo with opposite signs on both sides adds width and cancels in a mono downmix.
        echo = np.float32(strip.width) * gain * stem[:, :-delay].mean(axis=0)
        placed[0, delay:] += echo
        placed[1, delay:] -= echo
    return placed


def _shape_tone(audio: Audio, air_db: float, sample_rate: int) -> Audio:
    """Apply a shelf at _AIR_HZ and remove what is below 20 Hz: some synth pads have an offset that costs headroom."""
    pole = np.exp(-2 * np.pi * _LOWEST_HZ / sample_rate)
    warped, air = np.tan(np.pi * _AIR_HZ / sample_rate), 10 ** (air_db / 20)
    shelf = np.array([air + warped, warped - air]) / (1 + warped)
    numerator = np.convolve(shelf, [1, -1])
    denominator = np.convolve([1, (warped - 1) / (warped + 1)], [1, -pole])
    section = np.concatenate([numerator, denominator])[None].astype(np.float32)
    return np.asarray(sosfilt(section, audio, axis=1), np.float32)


def _add_reverb(send: Audio, room: Room, sample_rate: int) -> Audio:
    response = _impulse_response(room, sample_rate)
    size = next_fast_len(send.shape[1] + response.shape[1], real=True)
    spectrum = rfft(send, size, axis=1, workers=2)
    spectrum *= rfft(response, size, axis=1, workers=2)
    return np.asarray(irfft(spectrum, size, axis=1, workers=2, overwrite_x=True)[:, : send.shape[1]], np.float32)


@cache
def _impulse_response(room: Room, sample_rate: int) -> Audio:
    """Impulse response of a room, shape (2, M): early reflections, then noise that decays and darkens.

    Each side has unit energy. Frequencies below 200 Hz are removed, as they would blur the bass.
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
    """White noise that rises from dull to bright with its level, shape (2, M)."""
    active = np.flatnonzero(level)
    first, last = int(active[0]), int(active[-1]) + 1
    rng = np.random.default_rng([seed, 3])
    noise = rng.standard_normal((2, last - first), dtype=np.float32)
    climb = level[first:last]
    dull = sosfilt(np.array([[0.06, 0.06, 0.0, 1.0, -0.88, 0.0]], np.float32), noise, axis=1)
    out = np.zeros((2, len(level)), np.float32)
    out[:, first:last] = _RISER_LEVEL * climb**2 * (2.5 * dull * (1 - climb) + noise * climb)
    return out
