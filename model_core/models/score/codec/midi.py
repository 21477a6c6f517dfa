"""Writer of standard MIDI files whose tempo map keeps the video's time and whose bars are the plan's."""

from itertools import pairwise
from pathlib import Path
from typing import Final

import mido
import numpy as np
from numpy.typing import NDArray

from model_core.models.score.codec.notes import Note, find_kit
from model_core.plan.plan import Header

_TICKS: Final = 480
_DRUM_CHANNEL: Final = 9
_CHANNELS: Final = {"bass": 0, "chords": 1, "lead": 2, "arp": 3, "impact": 4, "drums": _DRUM_CHANNEL}
_MAJORS: Final = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINORS: Final = ("Cm", "C#m", "Dm", "Ebm", "Em", "Fm", "F#m", "Gm", "G#m", "Am", "Bbm", "Bm")
_A: Final = 9  # semitones above C


def write_midi(
    path: Path,
    notes: list[Note],
    beat_times: NDArray[np.float64],
    header: Header,
    key: int,
    beat_in_bar: NDArray[np.int8] | None = None,
) -> None:
    """Write a format 1 file: a track of tempo, meter and key, then one track per role.

    Args:
        path: file to write.
        notes: notes in seconds.
        beat_times: times of the beats in seconds from 0, shape (N + 1,); each beat becomes a quarter note.
        header: header with the mode and the meter.
        key: semitones above C major or A minor.
        beat_in_bar: shape (N,), 0..3; a shortened bar gets its own time signature. None = whole bars.
    """
    phases = np.arange(len(beat_times) - 1) % header.beats_per_bar if beat_in_bar is None else beat_in_bar
    file = mido.MidiFile(type=1, ticks_per_beat=_TICKS)
    file.tracks.append(_map_track(beat_times, phases, header, key))
    for role, channel in _CHANNELS.items():
        played = [note for note in notes if note.role == role]
        if played:
            file.tracks.append(_role_track(role, channel, played, beat_times))
    file.save(path)


def key_name(key: int, *, minor: bool) -> str:
    """The key in words, such as "D minor"; ``key`` is in semitones above C major or A minor."""
    return f"{_MINORS[(key + _A) % 12].removesuffix('m')} minor" if minor else f"{_MAJORS[key % 12]} major"


def _map_track(
    beat_times: NDArray[np.float64], phases: NDArray[np.signedinteger], header: Header, key: int
) -> mido.MidiTrack:
    name = _MINORS[(key + _A) % 12] if header.minor else _MAJORS[key % 12]
    track = mido.MidiTrack([mido.MetaMessage("key_signature", key=name)])
    lengths = _bar_lengths(phases, header.beats_per_bar)
    now, tempo, meter = 0, 0, 0
    for beat, microseconds in enumerate(np.round(np.diff(beat_times) * 1e6).astype(int)):
        changes = []
        if lengths.get(beat, meter) != meter:
            meter = lengths[beat]
            eighths = header.meter == "6/8"
            signature = (2 * meter, 8) if eighths else (meter, 4)
            changes.append(mido.MetaMessage("time_signature", numerator=signature[0], denominator=signature[1]))
        if microseconds != tempo:
            tempo = int(microseconds)
            changes.append(mido.MetaMessage("set_tempo", tempo=tempo))
        for change in changes:
            track.append(change.copy(time=_TICKS * beat - now))
            now = _TICKS * beat
    return track


def _bar_lengths(phases: NDArray[np.signedinteger], whole: int) -> dict[int, int]:
    """Length of each bar in beats, by its first beat; the last bar counts as whole."""
    starts = [beat for beat, phase in enumerate(phases) if beat == 0 or phase == 0]
    lengths = [after - start for start, after in pairwise(starts)]
    return dict(zip(starts, [*lengths, whole], strict=False))


def _role_track(role: str, channel: int, notes: list[Note], beat_times: NDArray[np.float64]) -> mido.MidiTrack:
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=role)])
    track.append(
        mido.Message(
            "program_change",
            channel=channel,
            program=find_kit(notes[0].program) if role == "drums" else notes[0].program,
        )
    )
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
