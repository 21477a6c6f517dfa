"""Notes in seconds, built from a score on the grid and the times of its beats."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.models.score.codec.score import FIRST_PITCH, LANES, MONO_PARTS, RANGES, STEPS_PER_BEAT, SUSTAIN, Score
from model_core.plan.plan import Header

# General MIDI percussion keys. The impact is a low taiko on top of a bass drum; the riser is not a note.
DRUM_KEYS: Final = {
    "kick": 36, "snare": 38, "clap": 39, "closed_hat": 42, "open_hat": 46, "tom_low": 45, "tom_high": 50, "crash": 49,
    "ride": 51,
}  # fmt: skip
# Drum programs from 128 on are sets of hand percussion: other keys of the standard kit instead of those above.
DRUM_SETS: Final = {
    128: {"kick": 36, "snare": 77, "clap": 75, "closed_hat": 70, "open_hat": 69, "tom_low": 64, "tom_high": 63,
          "crash": 49, "ride": 73},
    129: {"kick": 36, "snare": 39, "clap": 54, "closed_hat": 82, "open_hat": 54, "tom_low": 61, "tom_high": 60,
          "crash": 49, "ride": 54},
}  # fmt: skip
FIRST_DRUM_SET: Final = 128
IMPACT_PROGRAM: Final = 116
_IMPACT_PITCHES: Final = {36: 1.0, 48: 0.85}  # the upper pitch is for small loudspeakers
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
        start, end: times in seconds.
        program: General MIDI program, 0-based; for drums the kit, from FIRST_DRUM_SET on one of DRUM_SETS.
    """

    role: str
    pitch: int
    velocity: float
    start: float
    end: float
    program: int


def find_kit(program: int) -> int:
    """General MIDI kit on which a drum program is played."""
    return program if program < FIRST_DRUM_SET else 0


def step_times(beat_times: NDArray[np.float64], swing: float) -> NDArray[np.float64]:
    """Compute the start of each step and the end of the last one in seconds, shape (4 N + 1,).

    Args:
        beat_times: times of the beats in seconds, shape (N + 1,), ascending.
        swing: delay of the off-beat sixteenths, 0..1, where 1 is a third of a step.
    """
    beats = np.arange(len(beat_times))
    steps = np.arange(STEPS_PER_BEAT * (len(beat_times) - 1) + 1) / STEPS_PER_BEAT
    late = np.zeros(len(steps))
    late[1::2] = swing * _SWING_STEPS / STEPS_PER_BEAT
    return np.interp(steps + late, beats, beat_times)


def build_notes(score: Score, header: Header, beat_times: NDArray[np.float64], key: int) -> list[Note]:
    """Build the notes of a score, ordered by start.

    Args:
        score: score on the grid.
        header: header with programs and swing.
        beat_times: times of the beats in seconds, shape (N + 1,).
        key: transposition of the pitched roles in semitones.
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
    return _end_repeated_notes(sorted(notes, key=lambda n: (n.start, n.role, n.pitch, n.velocity)))


def _end_repeated_notes(notes: list[Note]) -> list[Note]:
    """End each note where its key is struck again; of two notes at once keep the louder one."""
    kept: list[Note] = []
    struck_next: dict[tuple[str, int], float] = {}
    for note in reversed(notes):
        again = struck_next.get((note.role, note.pitch), np.inf)
        if note.start < again:
            kept.append(replace(note, end=min(note.end, again)))
            struck_next[note.role, note.pitch] = note.start
    return kept[::-1]


def build_riser_envelope(
    score: Score, times: NDArray[np.float64], sample_rate: int, samples: int
) -> NDArray[np.float32]:
    """Build the level of the noise riser, 0..1, shape (samples,), from the riser lane at the step times (4 N + 1,).

    It is linear between the steps of a riser, and rises on during the last step until the hit.
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
