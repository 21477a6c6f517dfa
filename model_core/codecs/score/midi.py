"""Notes as a standard MIDI file whose tempo map keeps the video's time and whose beats are the plan's."""

from pathlib import Path
from typing import Final

import mido
import numpy as np
from numpy.typing import NDArray

from model_core.codecs.score.header import Header
from model_core.codecs.score.notes import Note

_TICKS: Final = 480
_DRUM_CHANNEL: Final = 9
_CHANNELS: Final = {"bass": 0, "chords": 1, "lead": 2, "arp": 3, "impact": 4, "drums": _DRUM_CHANNEL}


def write_midi(path: Path, notes: list[Note], beat_times: NDArray[np.float64], header: Header, key: int) -> None:
    """Write a format 1 file: a tempo track, then one track a role.

    Args:
        path: where to.
        notes: in seconds.
        beat_times: seconds, shape (N + 1,), from 0; each beat becomes a quarter note.
        header: gives the mode of the key signature.
        key: semitones above C major or A minor.
    """
    file = mido.MidiFile(type=1, ticks_per_beat=_TICKS)
    file.tracks.append(_tempo_track(beat_times, header, key))
    for role, channel in _CHANNELS.items():
        played = [note for note in notes if note.role == role]
        if played:
            file.tracks.append(_role_track(role, channel, played, beat_times))
    file.save(path)


def _tempo_track(beat_times: NDArray[np.float64], header: Header, key: int) -> mido.MidiTrack:
    track = mido.MidiTrack([mido.MetaMessage("time_signature", numerator=4, denominator=4)])
    names = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
    minors = ("Cm", "C#m", "Dm", "Ebm", "Em", "Fm", "F#m", "Gm", "G#m", "Am", "Bbm", "Bm")
    tonic = (key + 9) % 12 if header.minor else key % 12
    track.append(mido.MetaMessage("key_signature", key=(minors if header.minor else names)[tonic]))
    tempos = np.round(np.diff(beat_times) * 1e6).astype(int)
    waited = 0
    for beat, tempo in enumerate(tempos):
        if beat == 0 or tempo != tempos[beat - 1]:
            track.append(mido.MetaMessage("set_tempo", tempo=int(tempo), time=waited))
            waited = 0
        waited += _TICKS
    return track


def _role_track(role: str, channel: int, notes: list[Note], beat_times: NDArray[np.float64]) -> mido.MidiTrack:
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=role)])
    track.append(mido.Message("program_change", channel=channel, program=notes[0].program))
    events = []
    for note in notes:
        velocity = int(np.clip(round(127 * note.velocity), 1, 127))
        start = _tick(note.start, beat_times)
        events.append((start, 1, note.pitch, velocity))
        events.append((max(start + 1, _tick(note.end, beat_times)), 0, note.pitch, 0))
    now = 0
    for tick, on, pitch, velocity in sorted(events):
        kind = "note_on" if on else "note_off"
        track.append(mido.Message(kind, channel=channel, note=pitch, velocity=velocity, time=tick - now))
        now = tick
    return track


def _tick(seconds: float, beat_times: NDArray[np.float64]) -> int:
    last = float(beat_times[-1])
    beat = float(np.interp(seconds, beat_times, np.arange(len(beat_times))))
    if seconds > last:
        beat += (seconds - last) / float(beat_times[-1] - beat_times[-2])
    return round(beat * _TICKS)
