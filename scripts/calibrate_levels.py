"""Measure how loud and how late each program of each role speaks, and write what makes them even.

Usage: python scripts/calibrate_levels.py > model_core/models/score/render/program_levels.py
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import pyloudnorm
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from model_core.models.score.codec.notes import DRUM_KEYS, DRUM_SETS, IMPACT_PROGRAM, Note
from model_core.models.score.render.synth import render_stems
from model_core.plan.plan import PROGRAMS

RATE: Final = 44100
TARGET_LUFS: Final = -20.0
VELOCITY: Final = 0.6
STRIKE_S: Final = 0.5
_OTHER_SOUND_DB: Final = 1.5
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
    audio = render_stems(notes, STRIKE_S * len(PHRASES[role]), RATE)[role]
    return float(pyloudnorm.Meter(RATE).integrated_loudness(audio.T.astype(np.float64)))


def latency(role: str, program: int) -> float:
    """Seconds from a note's start until it is within 10 dB of the loudest it gets in its first half second.

    At 0 s the synth cannot start it early, so that the last calibration does not show in this one.
    """
    first = PHRASES[role][0][0]
    sound = render_stems([Note(role, first, VELOCITY, 0.0, 1.0, program)], 1.0, RATE)[role].mean(axis=0)
    level = np.sqrt(uniform_filter1d(np.square(sound - sound.mean(), dtype=np.float64), round(0.005 * RATE)))
    level = level[: RATE // 2]
    return float(np.argmax(level > level.max() * 10 ** (-10 / 20))) / RATE


def is_layered(role: str, program: int) -> bool:
    """Whether the bank's own samples for soft notes are another sound: their bands differ by over a dB in the mean."""
    soft, loud = (_bands(role, program, velocity) for velocity in (0.4, 0.95))
    return bool(np.abs(loud - soft).mean() > _OTHER_SOUND_DB)


def _bands(role: str, program: int, velocity: float) -> NDArray[np.float64]:
    """Level of each octave from 80 Hz on in the first half second of one of the role's notes, dB of the whole.

    It is played as an impact, whose soft notes the synth leaves as bright as they are.
    """
    note = Note("impact", PHRASES[role][1][0], velocity, 0.0, 0.8, program)
    power = np.square(np.abs(np.fft.rfft(render_stems([note], 1.0, RATE)["impact"].mean(axis=0)[: RATE // 2], RATE)))
    octaves = np.add.reduceat(power, 80 * 2 ** np.arange(8))
    return np.asarray(10 * np.log10(octaves / octaves.sum() + 1e-6))


def _table(name: str, roles: dict[str, tuple[int, ...]], measure: Callable[[str, int], str]) -> None:
    print(f"{name}: Final[dict[str, dict[int, float]]] = {{")
    for role, programs in roles.items():
        print(f'    "{role}": {{{", ".join(f"{program}: {measure(role, program)}" for program in programs)}}},')
    print("}")


def main() -> None:
    """Print the module."""
    roles = PROGRAMS | {"impact": (IMPACT_PROGRAM,)}
    print('"""What makes the programs of a role equally loud and prompt. Written by calibrate_levels.py.\n')
    print("TRIM_DB is a gain in dB, LATENCY_MS the milliseconds that the program takes to speak; LAYERED are the")
    print('programs whose samples themselves are duller when played softly.\n"""\n')
    print("from typing import Final\n")
    _table("TRIM_DB", roles, lambda role, program: f"{TARGET_LUFS - loudness(role, program):.1f}")
    pitched = {role: programs for role, programs in roles.items() if role != "drums"}
    _table("LATENCY_MS", pitched, lambda role, program: f"{1000 * latency(role, program):.0f}")
    layered = {p for role, programs in pitched.items() for p in programs if role != "impact" and is_layered(role, p)}
    print(f"LAYERED: Final = frozenset({{{', '.join(map(str, sorted(layered)))}}})")


if __name__ == "__main__":
    main()
