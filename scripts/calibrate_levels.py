"""Measure how loud and how late each program of each role speaks, and write what makes them even.

Usage: python scripts/calibrate_levels.py > model_core/codecs/score/levels.py
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import pyloudnorm
from scipy.ndimage import uniform_filter1d

from model_core.codecs.score.header import PROGRAMS
from model_core.codecs.score.notes import DRUM_KEYS, DRUM_SETS, IMPACT_PROGRAM, Note
from model_core.codecs.score.synth import stems

RATE: Final = 44100
TARGET_LUFS: Final = -20.0
VELOCITY: Final = 0.6
STRIKE_S: Final = 0.5
# What each role usually plays, one strike after the other: chords sound together, and so do the drums of a strike.
PHRASES: Final[dict[str, tuple[tuple[int, ...], ...]]] = {
    "bass": ((36,), (38,), (41,), (43,), (36,), (45,), (40,), (43,)),
    "chords": ((60, 64, 67), (57, 60, 64), (60, 65, 69), (59, 62, 67)) * 2,
    "lead": ((69,), (72,), (76,), (74,), (79,), (72,), (71,), (76,)),
    "arp": ((60,), (64,), (67,), (72,), (76,), (72,), (67,), (64,)),
    "drums": ((36, 42), (42,), (38, 42), (46,), (36, 42), (45,), (39, 51), (50,)),
    "impact": ((36, 48),) * 8,
}


def loudness(role: str, program: int) -> float:
    """Integrated loudness of the role's phrase, LUFS."""
    keys = dict(zip(DRUM_KEYS.values(), DRUM_SETS[program].values(), strict=True)) if program in DRUM_SETS else {}
    notes = [
        Note(role, keys.get(pitch, pitch), VELOCITY, STRIKE_S * index, STRIKE_S * (index + 0.9), program)
        for index, strike in enumerate(PHRASES[role])
        for pitch in strike
    ]
    audio = stems(notes, STRIKE_S * len(PHRASES[role]), RATE)[role]
    return float(pyloudnorm.Meter(RATE).integrated_loudness(audio.T.astype(np.float64)))


def latency(role: str, program: int) -> float:
    """Seconds from a note's start until it is within 10 dB of the loudest it gets in its first half second.

    At 0 s the synth cannot start it early, so that the last calibration does not show in this one.
    """
    first = PHRASES[role][0][0]
    sound = stems([Note(role, first, VELOCITY, 0.0, 1.0, program)], 1.0, RATE)[role].mean(axis=0)
    level = np.sqrt(uniform_filter1d(np.square(sound - sound.mean(), dtype=np.float64), round(0.005 * RATE)))
    level = level[: RATE // 2]
    return float(np.argmax(level > level.max() * 10 ** (-10 / 20))) / RATE


def _table(name: str, roles: dict[str, tuple[int, ...]], measure: Callable[[str, int], str]) -> None:
    print(f"{name}: Final[dict[str, dict[int, float]]] = {{")
    for role, programs in roles.items():
        print(f'    "{role}": {{{", ".join(f"{program}: {measure(role, program)}" for program in programs)}}},')
    print("}")


def main() -> None:
    """Print the module."""
    roles = PROGRAMS | {"impact": (IMPACT_PROGRAM,)}
    print('"""What makes the programs of a role equally loud and prompt. Written by calibrate_levels.py.\n')
    print('TRIM_DB is a gain in dB, LATENCY_MS the milliseconds that the program takes to speak.\n"""\n')
    print("from typing import Final\n")
    _table("TRIM_DB", roles, lambda role, program: f"{TARGET_LUFS - loudness(role, program):.1f}")
    pitched = {role: programs for role, programs in roles.items() if role != "drums"}
    _table("LATENCY_MS", pitched, lambda role, program: f"{1000 * latency(role, program):.0f}")


if __name__ == "__main__":
    main()
