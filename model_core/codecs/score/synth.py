"""Notes -> one stereo stem a role, played by tinysoundfont from the bundled General MIDI bank."""

from functools import cache
from threading import Lock
from typing import Final

import numpy as np
import tinysoundfont
from numpy.typing import NDArray

from model_core.assets import asset
from model_core.codecs.score.levels import LATENCY_MS
from model_core.codecs.score.notes import Note, kit_of

TAIL_S: Final = 2.5
_BANK: Final = "soundfont/FluidR3Mono_GM.sf3"
_BLOCK: Final = 64  # samples; events fall on the nearest multiple of it: 0.7 ms off at most at 44.1 kHz
_DRUM_CHANNEL: Final = 9
_DRUM_BANK: Final = 128
_DYNAMICS: Final = 1.6
"""Exponent from velocity to the synth's linear gain: 0.45 and 0.95 then lie 10 dB apart, and 8 on the horn, whose soft
samples are the louder ones."""
_SOFTEST: Final = 0.03  # of the synth's gain; below 1/127 it would find no sample and stay silent
_MOST_EARLY_S: Final = 0.08
"""Programs that speak late (bowed strings, pads) start before their note by their latency, but no more than this."""
_BYTES_A_FRAME: Final = 8
_FADE_S: Final = 0.1
_LOCK: Final = Lock()


def stems(notes: list[Note], duration: float, sample_rate: int) -> dict[str, NDArray[np.float32]]:
    """Each role alone, shape (2, (duration + TAIL_S) * sample_rate). The same notes give the same samples.

    Args:
        notes: in any order; all of a role have the program of its first one.
        duration: seconds of music; notes may ring TAIL_S longer.
        sample_rate: Hz.
    """
    samples = round((duration + TAIL_S) * sample_rate)
    by_role: dict[str, list[Note]] = {}
    for note in notes:
        by_role.setdefault(note.role, []).append(note)
    with _LOCK:
        return {role: _stem(played, samples, sample_rate) for role, played in sorted(by_role.items())}


@cache
def load_bank(sample_rate: int) -> tinysoundfont.Synth:
    """The bank, decoded once a rate: that takes about two seconds."""
    synth = tinysoundfont.Synth(samplerate=sample_rate)
    synth.sfload(str(asset(_BANK)))
    return synth


def _stem(notes: list[Note], samples: int, sample_rate: int) -> NDArray[np.float32]:
    synth = load_bank(sample_rate)
    ((number, soundfont),) = synth.soundfonts.items()
    soundfont.reset()  # only begins to fade the voices of the stem before: they die unheard here
    synth.generate_simple(round(_FADE_S * sample_rate))
    drums = notes[0].role == "drums"
    channel = _DRUM_CHANNEL if drums else 0
    program = kit_of(notes[0].program) if drums else notes[0].program
    synth.program_select(channel, number, _DRUM_BANK if drums else 0, program, is_drums=drums)
    early = min(_MOST_EARLY_S, 0.001 * LATENCY_MS.get(notes[0].role, {}).get(notes[0].program, 0.0))
    events = []
    for note in notes:
        events.append((_at(note.start - early, sample_rate), 1, note.pitch, note.velocity))
        events.append((_at(note.end, sample_rate), 0, note.pitch, 0.0))
    events.sort()  # a note ends before the same key is struck anew
    audio = np.zeros((samples, 2), np.float32)
    view, now = audio.data.cast("B"), 0
    for at, on, pitch, velocity in events:
        if at >= samples:
            break
        if at > now:
            synth.generate_simple(at - now, view[_BYTES_A_FRAME * now : _BYTES_A_FRAME * at])
            now = at
        if on:
            # Straight to the bank: the synth's own noteon would round the velocity to one of 127.
            soundfont.channel_note_on(channel, pitch, max(_SOFTEST, float(velocity) ** _DYNAMICS))
        else:
            soundfont.channel_note_off(channel, pitch)
    synth.generate_simple(samples - now, view[_BYTES_A_FRAME * now :])
    return np.ascontiguousarray(audio.T)


def _at(seconds: float, sample_rate: int) -> int:
    return max(0, round(seconds * sample_rate / _BLOCK)) * _BLOCK
