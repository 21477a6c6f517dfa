"""Score grid: five parts on sixteenth notes in C major or A minor, transposed when rendered.

A beat has four steps. For each step, mono parts (bass, lead, arp) have one of REST, SUSTAIN or FIRST_PITCH + (pitch -
lowest); chords have a set of pitches and a flag that strikes them again; drums have a velocity per lane.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

STEPS_PER_BEAT: Final = 4
BEATS_PER_BAR: Final = 4
LANES: Final = (
    "kick", "snare", "clap", "closed_hat", "open_hat", "tom_low", "tom_high", "crash", "ride", "impact", "riser",
)  # fmt: skip
LANE: Final = {name: index for index, name in enumerate(LANES)}
REST: Final = 0
SUSTAIN: Final = 1
FIRST_PITCH: Final = 2


@dataclass(frozen=True)
class PitchRange:
    """MIDI pitches ``low`` .. ``low + count - 1`` that a part can play."""

    low: int
    count: int

    @property
    def states(self) -> int:
        """Number of classes of a mono part's step: rest, sustain and each pitch."""
        return self.count + FIRST_PITCH


RANGES: Final = {
    "bass": PitchRange(28, 28),
    "lead": PitchRange(57, 40),
    "arp": PitchRange(48, 40),
    "chords": PitchRange(45, 40),
}
MONO_PARTS: Final = ("bass", "lead", "arp")
ROLES: Final = ("bass", "chords", "lead", "arp", "drums")

Steps = NDArray[np.int16]
Velocities = NDArray[np.float32]


@dataclass
class Score:
    """One piece on the grid, with T = 4 * N steps for N beats.

    Attributes:
        mono: for bass, lead and arp the states, shape (T,), REST, SUSTAIN or FIRST_PITCH + index in RANGES.
        mono_velocity: for the same parts, shape (T,), 0..1, 0 on rests.
        chord: True for pitches of RANGES["chords"] that sound, shape (T, 40), bool.
        chord_struck: True where the chord is struck again, shape (T,), bool.
        chord_velocity: shape (T,), 0..1, 0 on rests.
        drums: velocities, shape (T, 11) in the order of LANES, 0..1, 0 = no hit. The riser lane is a level, not a hit.
        beat_in_bar: shape (N,), 0..3; it restarts at 0 after a shortened bar.
    """

    mono: dict[str, Steps]
    mono_velocity: dict[str, Velocities]
    chord: NDArray[np.bool_]
    chord_struck: NDArray[np.bool_]
    chord_velocity: Velocities
    drums: Velocities
    beat_in_bar: NDArray[np.int8]

    @property
    def beats(self) -> int:
        """Number of beats N."""
        return len(self.beat_in_bar)

    @property
    def steps(self) -> int:
        """Number of steps T."""
        return self.beats * STEPS_PER_BEAT

    @classmethod
    def empty(cls, beats: int) -> "Score":
        """Create a silent score of ``beats`` beats in whole bars."""
        steps = beats * STEPS_PER_BEAT
        return cls(
            mono={part: np.zeros(steps, np.int16) for part in MONO_PARTS},
            mono_velocity={part: np.zeros(steps, np.float32) for part in MONO_PARTS},
            chord=np.zeros((steps, RANGES["chords"].count), bool),
            chord_struck=np.zeros(steps, bool),
            chord_velocity=np.zeros(steps, np.float32),
            drums=np.zeros((steps, len(LANES)), np.float32),
            beat_in_bar=(np.arange(beats) % BEATS_PER_BAR).astype(np.int8),
        )

    def keep_only(self, parts: frozenset[str]) -> "Score":
        """Silence the roles that are not in ``parts``, in place."""
        for part in MONO_PARTS:
            if part not in parts:
                self.mono[part][:] = REST
                self.mono_velocity[part][:] = 0
        if "chords" not in parts:
            self.chord[:] = False
        if "drums" not in parts:
            self.drums[:] = 0
        return self.tidy()

    def tidy(self) -> "Score":
        """Make the score playable, in place: no sustain without a note; chords change only where they are struck."""
        for part in MONO_PARTS:
            state, velocity = self.mono[part], self.mono_velocity[part]
            for step in range(self.steps):
                if state[step] == SUSTAIN and (step == 0 or state[step - 1] == REST):
                    state[step] = REST
            velocity[state == REST] = 0.0
        sounding = np.asarray(self.chord.any(axis=1))
        for step in range(self.steps):
            if not sounding[step]:
                self.chord_struck[step] = False
            elif step == 0 or not sounding[step - 1]:
                self.chord_struck[step] = True
            elif not self.chord_struck[step]:
                self.chord[step] = self.chord[step - 1]
        self.chord_velocity[~sounding] = 0.0
        return self
