"""MIDI files: any player finds the notes at the seconds at which they were played, and the beats where they fell."""

from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.models.score.codec.midi import key_name, write_midi
from model_core.models.score.codec.notes import Note
from model_core.models.score.codec.score import ROLES
from model_core.plan.plan import PROGRAMS, Header

_PROGRAMS = {role: programs[1] for role, programs in PROGRAMS.items()}


def _header(minor: bool = False) -> Header:
    return Header("house", 100.0, 0.0, minor, _PROGRAMS, frozenset(ROLES), 0.5, 0.5)


def _bent_beats() -> NDArray[np.float64]:
    """Two hundred beats about 0.6 s long, each a little different."""
    lengths = 0.6 * (1 + 0.04 * np.sin(np.arange(200)))
    return np.concatenate([[0.0], np.cumsum(lengths)])


def _notes(beat_times: NDArray[np.float64]) -> list[Note]:
    """Notes that do not overlap on a key, at seconds that are on no grid, up to the last beat's end and over it."""
    rng = np.random.default_rng(4)
    starts = np.append(np.sort(rng.uniform(0, beat_times[-1], 300)), beat_times[-1] + 0.1)
    roles = ("bass", "chords", "lead", "arp", "drums", "impact")
    return [
        Note(role, 30 + i % 60, 0.2 + 0.7 * (i % 5) / 4, float(at), float(at) + 0.21, _PROGRAMS.get(role, 116))
        for i, at in enumerate(starts)
        for role in [roles[i % 6]]
    ]


def _seconds(file: mido.MidiFile, ticks: int) -> float:
    """When a tick comes, by the file's own tempo track."""
    now, at, tempo = 0.0, 0, 500_000
    for message in file.tracks[0]:
        step = min(message.time, ticks - at)
        now, at = now + mido.tick2second(step, file.ticks_per_beat, tempo), at + step
        if at == ticks and step < message.time:
            return float(now)
        if message.type == "set_tempo":
            tempo = message.tempo
    return float(now + mido.tick2second(ticks - at, file.ticks_per_beat, tempo))


def _heard(file: mido.MidiFile) -> dict[str, list[tuple[int, float, float, int]]]:
    """Pitch, start, end and velocity of each note of each track."""
    heard: dict[str, list[tuple[int, float, float, int]]] = {}
    for track in file.tracks[1:]:
        ticks, open_notes, found = 0, dict[int, tuple[float, int]](), []
        for message in track:
            ticks += message.time
            if message.type == "note_on" and message.velocity:
                open_notes[message.note] = (_seconds(file, ticks), message.velocity)
            elif message.type in ("note_on", "note_off"):
                start, velocity = open_notes.pop(message.note)
                found.append((message.note, start, _seconds(file, ticks), velocity))
        assert not open_notes
        heard[track.name] = sorted(found, key=lambda note: note[1])
    return heard


def test_notes_are_found_again_within_two_milliseconds(tmp_path: Path) -> None:
    beat_times = _bent_beats()
    notes = _notes(beat_times)
    write_midi(tmp_path / "a.mid", notes, beat_times, _header(), 0)
    heard = _heard(mido.MidiFile(tmp_path / "a.mid"))
    assert set(heard) == {note.role for note in notes}
    for role, found in heard.items():
        wanted = [note for note in notes if note.role == role]
        assert [pitch for pitch, _, _, _ in found] == [note.pitch for note in wanted]
        np.testing.assert_allclose([start for _, start, _, _ in found], [n.start for n in wanted], atol=2e-3)
        np.testing.assert_allclose([end for _, _, end, _ in found], [n.end for n in wanted], atol=2e-3)
        np.testing.assert_allclose([v / 127 for _, _, _, v in found], [n.velocity for n in wanted], atol=0.01)


def test_each_beat_is_a_quarter_note(tmp_path: Path) -> None:
    beat_times = _bent_beats()
    write_midi(tmp_path / "a.mid", [], beat_times, _header(), 0)
    file = mido.MidiFile(tmp_path / "a.mid")
    found = [_seconds(file, beat * file.ticks_per_beat) for beat in range(len(beat_times))]
    np.testing.assert_allclose(found, beat_times, atol=2e-4)


def test_a_steady_tempo_is_written_once(tmp_path: Path) -> None:
    write_midi(tmp_path / "a.mid", [], np.linspace(0, 8, 17).astype(np.float64), _header(), 0)
    tempos = [message for message in mido.MidiFile(tmp_path / "a.mid").tracks[0] if message.type == "set_tempo"]
    assert [message.tempo for message in tempos] == [500_000]


def test_parts_have_their_programs_and_drums_channel_ten(tmp_path: Path) -> None:
    beat_times = _bent_beats()
    write_midi(tmp_path / "a.mid", _notes(beat_times), beat_times, _header(), 0)
    tracks = mido.MidiFile(tmp_path / "a.mid").tracks[1:]
    changes = {track.name: next(m for m in track if m.type == "program_change") for track in tracks}
    assert {name: m.program for name, m in changes.items()} == {**_PROGRAMS, "impact": 116}
    assert changes["drums"].channel == 9
    assert len({m.channel for m in changes.values()}) == len(changes)


@pytest.mark.parametrize(
    ("key", "minor", "name"), [(0, False, "C"), (0, True, "Am"), (-5, False, "G"), (6, True, "Ebm"), (3, True, "Cm")]
)
def test_the_key_signature_names_the_key_that_sounds(tmp_path: Path, key: int, minor: bool, name: str) -> None:
    write_midi(tmp_path / "a.mid", [], np.linspace(0, 2, 5).astype(np.float64), _header(minor), key)
    signature = next(m for m in mido.MidiFile(tmp_path / "a.mid").tracks[0] if m.type == "key_signature")
    assert signature.key == name


def test_bars_cut_short_have_their_own_time_signature(tmp_path: Path) -> None:
    phases = np.array([0, 1, 2, 3, 0, 1, 2, 0, 1, 2, 3, 0, 1], np.int8)
    beat_times = np.arange(14, dtype=np.float64) / 2
    write_midi(tmp_path / "a.mid", [], beat_times, _header(), 0, phases)
    write_midi(tmp_path / "b.mid", [], beat_times, _header(), 0)
    found = []
    for name in ("a.mid", "b.mid"):
        ticks, meters = 0, []
        for message in mido.MidiFile(tmp_path / name).tracks[0]:
            ticks += message.time
            if message.type == "time_signature":
                meters.append((ticks / 480, message.numerator))
        found.append(meters)
    assert found == [[(0, 4), (4, 3), (7, 4)], [(0, 4)]]


@pytest.mark.parametrize(("meter", "signature"), [("3/4", (3, 4)), ("6/8", (6, 8))])
def test_the_meter_is_written(meter: str, signature: tuple[int, int], tmp_path: Path) -> None:
    beats = np.arange(13, dtype=np.float64) * 0.5
    path = tmp_path / "meter.mid"
    write_midi(path, _notes(beats), beats, replace(_header(), meter=meter), 0)
    found = [(m.numerator, m.denominator) for m in mido.MidiFile(path).tracks[0] if m.type == "time_signature"]
    assert found == [signature]


def test_a_set_of_hand_percussion_is_written_as_the_standard_kit(tmp_path: Path) -> None:
    beats = np.arange(5, dtype=np.float64) * 0.5
    path = tmp_path / "latin.mid"
    write_midi(path, [Note("drums", 64, 0.5, 0.0, 0.25, 128)], beats, _header(), 0)
    (track,) = mido.MidiFile(path).tracks[1:]
    assert [m.program for m in track if m.type == "program_change"] == [0]


@pytest.mark.parametrize(
    ("key", "minor", "name"),
    [
        (5, True, "D minor"),
        (0, True, "A minor"),
        (0, False, "C major"),
        (-2, False, "Bb major"),
        (-3, True, "F# minor"),
    ],
)
def test_keys_have_names(key: int, minor: bool, name: str) -> None:
    assert key_name(key, minor=minor) == name
