"""Synthesizer: renders notes to one stereo stem per role, by tinysoundfont with the bundled General MIDI bank."""

from functools import cache
from threading import Lock
from typing import Final

import numpy as np
import tinysoundfont
from numpy.typing import NDArray
from scipy.signal import lfilter

from model_core.assets import asset
from model_core.models.score.codec.notes import Note, find_kit
from model_core.models.score.codec.score import RANGES
from model_core.models.score.render.program_levels import LATENCY_MS, LAYERED

TAIL_S: Final = 2.5
_BANK: Final = "soundfont/FluidR3Mono_GM.sf3"
_BLOCK: Final = 64  # samples; events are rounded to a multiple, by at most 0.7 ms at 44.1 kHz
_DRUM_CHANNEL: Final = 9
_DRUM_BANK: Final = 128
_DYNAMICS: Final = 1.6
"""Exponent from velocity to the synth's linear gain. 0.45 and 0.95 are then 10 dB apart, and 8 dB on the horn, whose
soft samples are louder."""
_SOFTEST: Final = 0.03  # least gain of the synth; below 1/127 it would select no sample and stay silent
_MOST_EARLY_S: Final = 0.08
"""Programs with a slow attack (bowed strings, pads) start early by their latency, but at most by this."""
_BORROWED: Final[dict[int, tuple[int, dict[int, float]]]] = {
    0: (8, {49: 0.7, 51: 0.6}),
    16: (32, {42: 0.5, 46: 0.7}),
    24: (32, {42: 0.5, 46: 0.7}),
    25: (25, {42: 0.6, 46: 0.6, 51: 0.6}),
}
"""Kits with cymbals that are far too soft or too loud: the kit that plays them instead, and their gains."""
_BORROWED_CHANNEL: Final = 10
_SOFT_HZ: Final = 1300.0
_SOFT_VELOCITY: Final = 0.3
_LOUD_VELOCITY: Final = 0.9
_SOFTEST_HIGHS: Final = 0.45
_TURN_S: Final = 0.003
_BYTES_A_FRAME: Final = 8
_FADE_S: Final = 0.1
_LOCK: Final = Lock()


def render_stems(
    notes: list[Note], duration: float, sample_rate: int, tail: float = TAIL_S
) -> dict[str, NDArray[np.float32]]:
    """Render each role alone, shape (2, (duration + tail) * sample_rate); deterministic.

    Args:
        notes: notes in any order; all notes of a role use the program of the first one.
        duration: length of the music in seconds.
        sample_rate: Hz.
        tail: additional seconds for notes that ring on.
    """
    samples = round((duration + tail) * sample_rate)
    by_role: dict[str, list[Note]] = {}
    for note in notes:
        by_role.setdefault(note.role, []).append(note)
    with _LOCK:
        return {role: _stem(played, samples, sample_rate) for role, played in sorted(by_role.items())}


@cache
def load_bank(sample_rate: int) -> tinysoundfont.Synth:
    """Load the bank, decoded once per sample rate, which takes about two seconds."""
    synth = tinysoundfont.Synth(samplerate=sample_rate)
    synth.sfload(str(asset(_BANK)))
    return synth


def _stem(notes: list[Note], samples: int, sample_rate: int) -> NDArray[np.float32]:
    synth = load_bank(sample_rate)
    ((number, soundfont),) = synth.soundfonts.items()
    soundfont.reset()  # only starts to fade the voices of the previous stem; the next line renders and drops them
    synth.generate_simple(round(_FADE_S * sample_rate))
    drums = notes[0].role == "drums"
    channel = _DRUM_CHANNEL if drums else 0
    program = find_kit(notes[0].program) if drums else notes[0].program
    synth.program_select(channel, number, _DRUM_BANK if drums else 0, program, is_drums=drums)
    lender, borrowed = _BORROWED.get(program, (program, {})) if drums else (program, {})
    if borrowed:
        synth.program_select(_BORROWED_CHANNEL, number, _DRUM_BANK, lender, is_drums=True)
    early = min(_MOST_EARLY_S, 0.001 * LATENCY_MS.get(notes[0].role, {}).get(notes[0].program, 0.0))
    events = []
    for note in notes:
        events.append((_at(note.start - early, sample_rate), 1, note.pitch, note.velocity))
        events.append((_at(note.end, sample_rate), 0, note.pitch, 0.0))
    events.sort()  # a note ends before the same key is struck again
    audio = np.zeros((samples, 2), np.float32)
    view, now = audio.data.cast("B"), 0
    for at, on, pitch, velocity in events:
        if at >= samples:
            break
        if at > now:
            synth.generate_simple(at - now, view[_BYTES_A_FRAME * now : _BYTES_A_FRAME * at])
            now = at
        plays = _BORROWED_CHANNEL if pitch in borrowed else channel
        if on:
            # Called on the bank, since the synth's own noteon would round the velocity to one of 127 values.
            gain = borrowed.get(pitch, 1.0) * float(velocity) ** _DYNAMICS
            soundfont.channel_note_on(plays, pitch, max(_SOFTEST, gain))
        else:
            soundfont.channel_note_off(plays, pitch)
    synth.generate_simple(samples - now, view[_BYTES_A_FRAME * now :])
    stem = np.ascontiguousarray(audio.T)
    if notes[0].role in RANGES and program not in LAYERED:
        _soften(stem, [(_at(note.start - early, sample_rate), note.velocity) for note in notes], sample_rate)
    return stem


def _soften(stem: NDArray[np.float32], played: list[tuple[int, float]], sample_rate: int) -> None:
    """Reduce the highs of soft notes, in place, since most programs have only one sample for soft and loud.

    Args:
        stem: shape (2, N), with two equal sides, as in all pitched programs of the bank.
        played: first sample and velocity of each note.
        sample_rate: Hz.
    """
    pole = np.float32(np.exp(-2 * np.pi * _SOFT_HZ / sample_rate))
    lows = lfilter(np.array([1 - pole], np.float32), np.array([1, -pole], np.float32), stem[0])
    highs = stem[0] - lows
    turn, before = round(_TURN_S * sample_rate), 1.0
    loudest = dict(sorted(played))  # the loudest of simultaneous notes
    ends = [*list(loudest)[1:], stem.shape[1]]
    for (first, velocity), last in zip(loudest.items(), ends, strict=True):
        loudness = (velocity - _SOFT_VELOCITY) / (_LOUD_VELOCITY - _SOFT_VELOCITY)
        share = _SOFTEST_HIGHS + (1 - _SOFTEST_HIGHS) * min(1.0, max(0.0, loudness))
        part = highs[first:last]
        part *= np.float32(share)
        part[:turn] *= np.linspace(before / share, 1, turn, dtype=np.float32)[: len(part)]
        before = share
    stem[:] = lows + highs


def _at(seconds: float, sample_rate: int) -> int:
    return max(0, round(seconds * sample_rate / _BLOCK)) * _BLOCK
