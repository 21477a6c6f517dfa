"""Notes in seconds, from a score on the grid and the times of its beats."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.models.score.codec.score import FIRST_PITCH, LANES, MONO_PARTS, RANGES, STEPS_PER_BEAT, SUSTAIN, Score
from model_core.plan.plan import Header

# General MIDI percussion keys; the impact is a low taiko of its own on top of a bass drum, the riser no note at all.
DRUM_KEYS: Final = {
    "kick": 36, "snare": 38, "clap": 39, "closed_hat": 42, "open_hat": 46, "tom_low": 45, "tom_high": 50, "crash": 49,
    "ride": 51,
}  # fmt: skip
# Drum "programs" from 128 on are sets of hand percussion: keys of the standard kit that take the place of the above.
DRUM_SETS: Final = {
    128: {"kick": 36, "snare": 77, "clap": 75, "closed_hat": 70, "open_hat": 69, "tom_low": 64, "tom_high": 63,
          "crash": 49, "ride": 73},
    129: {"kick": 36, "snare": 39, "clap": 54, "closed_hat": 82, "open_hat": 54, "tom_low": 61, "tom_high": 60,
          "crash": 49, "ride": 54},
}  # fmt: skip
FIRST_DRUM_SET: Final = 128
IMPACT_PROGRAM: Final = 116
_IMPACT_PITCHES: Final = {36: 1.0, 48: 0.85}  # the upper one is what small loudspeakers play of it
_SWING_STEPS: Final = 1 / 3
_RELEASE_S: Final = 0.012
_LEAST_S: Final = 0.04
_RISER_FADE_S: Final = 0.004
_DRUM_S: Final = 0.25
_IMPACT_S: Final = 1.5


@dataclass(frozen=True)
class Note:
    """One note.

    Attributes:
        role: bass, chords, lead, arp, drums or impact.
        pitch: MIDI key, for drums the General MIDI percussion key.
        velocity: 0..1.
        start, end: seconds.
        program: General MIDI program, 0-based; for drums the kit, from FIRST_DRUM_SET on one of DRUM_SETS.
    """

    role: str
    pitch: int
    velocity: float
    start: float
    end: float
    program: int


def kit_of(program: int) -> int:
    """The General MIDI kit that a drum program is played on."""
    return program if program < FIRST_DRUM_SET else 0


def step_times(beat_times: NDArray[np.float64], swing: float) -> NDArray[np.float64]:
    """Seconds of each step's start and of the last one's end, shape (4 N + 1,).

    Args:
        beat_times: shape (N + 1,), ascending.
        swing: 0..1; the off-beat sixteenths come up to a third of a step late.
    """
    beats = np.arange(len(beat_times))
    steps = np.arange(STEPS_PER_BEAT * (len(beat_times) - 1) + 1) / STEPS_PER_BEAT
    late = np.zeros(len(steps))
    late[1::2] = swing * _SWING_STEPS / STEPS_PER_BEAT
    return np.interp(steps + late, beats, beat_times)


def notes_of(score: Score, header: Header, beat_times: NDArray[np.float64], key: int) -> list[Note]:
    """The notes of a score, ordered by start.

    Args:
        score: the grid.
        header: gives programs and swing.
        beat_times: seconds, shape (N + 1,).
        key: semitones that the pitched roles are transposed by.
    """
    times = step_times(beat_times, header.swing)

    def note(role: str, pitch: int, velocity: float, first: int, last: int) -> Note:
        start = float(times[first])
        end = max(start + _LEAST_S, float(times[last]) - _RELEASE_S)
        return Note(role, pitch + key, min(1.0, max(0.0, velocity)), start, end, header.programs[role])

    notes = [note(*event) for part in MONO_PARTS for event in _mono_events(score, part)]
    notes += [note(*event) for event in _chord_events(score)]
    keys = DRUM_SETS.get(header.programs["drums"], DRUM_KEYS)
    for step, lane in zip(*np.nonzero(score.drums > 0), strict=True):
        start, velocity, name = float(times[step]), min(1.0, float(score.drums[step, lane])), LANES[lane]
        if name == "impact":
            for pitch, share in _IMPACT_PITCHES.items():
                notes.append(Note("impact", pitch, share * velocity, start, start + _IMPACT_S, IMPACT_PROGRAM))
            notes.append(Note("drums", keys["kick"], velocity, start, start + _DRUM_S, header.programs["drums"]))
        elif name in keys:
            notes.append(Note("drums", keys[name], velocity, start, start + _DRUM_S, header.programs["drums"]))
    return _one_at_a_time(sorted(notes, key=lambda n: (n.start, n.role, n.pitch, n.velocity)))


def _one_at_a_time(notes: list[Note]) -> list[Note]:
    """A key sounds once at a time: a note ends where its key is struck again, and of two at once the louder stays."""
    kept: list[Note] = []
    struck_next: dict[tuple[str, int], float] = {}
    for note in reversed(notes):
        again = struck_next.get((note.role, note.pitch), np.inf)
        if note.start < again:
            kept.append(replace(note, end=min(note.end, again)))
            struck_next[note.role, note.pitch] = note.start
    return kept[::-1]


def riser_envelope(score: Score, times: NDArray[np.float64], sample_rate: int, samples: int) -> NDArray[np.float32]:
    """Level of the noise riser, 0..1, shape (samples,), from the riser lane at the step times (4 N + 1,).

    Between two steps of a riser it is a line; through the last one it climbs on, up to where the hit falls.
    """
    lane = np.append(score.drums[:, LANES.index("riser")].astype(np.float64), 0.0)
    level = np.zeros(samples, np.float32)
    for step in range(score.steps):
        if lane[step] <= 0:
            continue
        slope = lane[step + 1] - lane[step] if lane[step + 1] > 0 else max(0.0, lane[step] - lane[max(step - 1, 0)])
        first, last = (min(samples, round(float(times[at]) * sample_rate)) for at in (step, step + 1))
        if last > first:
            part = lane[step] + slope * np.arange(last - first) / (last - first)
            if lane[step + 1] <= 0:
                part *= np.minimum(1.0, np.arange(last - first, 0, -1) / (_RISER_FADE_S * sample_rate))
            level[first:last] = np.minimum(part, 1.0)
    return level


def _mono_events(score: Score, part: str) -> Iterator[tuple[str, int, float, int, int]]:
    state, low = score.mono[part], RANGES[part].low
    for step in np.flatnonzero(state >= FIRST_PITCH):
        last = int(step) + 1
        while last < score.steps and state[last] == SUSTAIN:
            last += 1
        yield part, low + int(state[step]) - FIRST_PITCH, float(score.mono_velocity[part][step]), int(step), last


def _chord_events(score: Score) -> Iterator[tuple[str, int, float, int, int]]:
    sounding = np.asarray(score.chord.any(axis=1))
    for step in np.flatnonzero(score.chord_struck):
        last = int(step) + 1
        while last < score.steps and sounding[last] and not score.chord_struck[last]:
            last += 1
        for row in np.flatnonzero(score.chord[step]):
            yield "chords", RANGES["chords"].low + int(row), float(score.chord_velocity[step]), int(step), last
